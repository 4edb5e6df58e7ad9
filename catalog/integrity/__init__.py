"""Integrity of catalog and files: check and repair, scrub runs and their results, bit rot, rejected files."""
