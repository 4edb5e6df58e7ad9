"""Walking volumes, what is missing, and which volumes are there."""
