"""Bytes to pixels, strictly."""
