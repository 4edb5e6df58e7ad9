"""Import labels from text, sorted folders, and XMP."""
