"""A model on disk: folder, manifest, text half."""
