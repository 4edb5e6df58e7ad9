"""Backups of the catalog: creation, retention, recovery."""
