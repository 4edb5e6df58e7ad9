"""Batches of images to vectors; choosing and switching the model."""
