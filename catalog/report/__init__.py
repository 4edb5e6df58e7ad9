"""The nightly report: one module per section, and what displays, stores and sends it."""
