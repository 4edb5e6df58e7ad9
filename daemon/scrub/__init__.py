"""Reading every byte again."""
