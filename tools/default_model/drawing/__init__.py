"""The procedural pictures that the default model learns from."""
