"""Scan volumes: which are present, what changed on them, which files are missing."""
