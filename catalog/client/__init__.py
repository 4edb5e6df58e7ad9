"""Talking to the running service."""
