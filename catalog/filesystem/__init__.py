"""What the kernel tells: mounts, volume identity, stat signatures, safe reads, atomic writes."""
