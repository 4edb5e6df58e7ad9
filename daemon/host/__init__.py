"""This process on this machine: lock, log, systemd, priority, wall clock."""
