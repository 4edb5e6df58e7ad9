"""Rules that classify a change of a file's bytes. Pure: no database, no disk, no clock."""
