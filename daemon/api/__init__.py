"""The service's Unix socket: its listener, validation of requests, and operations."""
