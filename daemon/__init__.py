"""The service: watch, scan, settle, intake, embed, write, and the followers of the catalog."""
