"""The file system: mounts, volume identity, stat signatures, safe reads, atomic writes."""
