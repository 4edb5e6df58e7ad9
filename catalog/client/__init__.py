"""Client of the running service."""
