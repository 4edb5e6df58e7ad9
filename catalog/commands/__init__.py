"""One file a command; `catalog/cli.py` holds their list."""
