"""The freedesktop trash: plan, move, restore, purge, crash recovery."""
