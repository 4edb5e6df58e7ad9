"""HEIF, AVIF and the boxes they share."""
