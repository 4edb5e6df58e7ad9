"""Unit files, shipped in the package as `catalog.units` and installed verbatim by `catalog service install`."""
