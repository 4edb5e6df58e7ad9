"""HEIF and AVIF, and the boxes that they share."""
