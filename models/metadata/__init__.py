"""Metadata inside image files: EXIF and XMP."""
