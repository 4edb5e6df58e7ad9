"""The SQLite catalog, everything that reads it, and the `catalog` command."""
