"""The TOML configuration: loading, typed settings, editing in place."""
