"""The `catalog` command: options, parameter types, prompts and messages."""
