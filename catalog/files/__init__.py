"""Rows of files: seen, read, moved, missing, gone."""
