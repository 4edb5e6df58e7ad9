"""The owner's decisions: labels and "not a duplicate", and how they are merged with the journal."""
