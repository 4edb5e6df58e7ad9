"""Worker processes: queue, pool, reading one file, recording the outcome."""
