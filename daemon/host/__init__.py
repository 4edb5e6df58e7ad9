"""The process and its machine: lock, log, systemd, priority, wall clock."""
