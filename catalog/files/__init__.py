"""The life of a file row: seen, read, moved, missing, gone."""
