"""systemd units for this machine."""
