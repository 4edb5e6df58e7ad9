"""Backups of the catalog itself, their retention, and recovery from them."""
