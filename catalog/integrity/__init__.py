"""Check, repair, scrub bookkeeping, bit rot, rejected files."""
