"""Install catalogd as systemd services: units, drop-ins, and the account they run as."""
