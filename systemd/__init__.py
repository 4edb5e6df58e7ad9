"""Unit files. They ship inside the package as `catalog.units`; `catalog service install` fills them in."""
