"""Labels from folders and XMP."""
