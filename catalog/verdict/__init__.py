"""What happened to changed bytes: pure rules, no database, no disk."""
