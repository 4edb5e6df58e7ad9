"""Formats that need one module each."""
