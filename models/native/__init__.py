"""The C extensions, and CRC-32 from libdeflate."""
