"""The owner's choices: labels and "not a duplicate" marks, stored in the catalog and in the journal."""
