"""One file a command; `catalog/cli/main.py` holds their list."""
