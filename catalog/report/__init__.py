"""The nightly report: one file a section, and what shows, keeps and sends it."""
