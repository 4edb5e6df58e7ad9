"""Makes the embedded default bundle from procedural pictures: `python -m tools.default_model`."""
