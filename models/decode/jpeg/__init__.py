"""JPEG: header, entropy-coded data, checks."""
