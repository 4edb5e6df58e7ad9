"""The scrub: read every known file again and compare it with its hash."""
