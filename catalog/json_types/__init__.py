"""Types of the JSON that commands print with `--json`. Scripts rely on keys and values; neither changes.

Paths are text; bytes that are not UTF-8 appear as surrogates (PEP 383), and `os.fsencode` returns the original bytes.
Times are ISO 8601 in UTC, `YYYY-MM-DDTHH:MM:SSZ`, where the comment says UTC.
"""
