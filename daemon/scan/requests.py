"""Which of the scans that were asked for comes first, and which volumes it concerns. Pure."""

from catalog.store.directories import below
from catalog.store.volumes import Volume


def outermost(requests: dict[bytes, str]) -> tuple[bytes, str, dict[bytes, str]]:
    """The request to serve next, and what is left once it is: a scan of a tree answers for all below it.

    A tree that is copied in asks for a scan of each of its directories.
    """
    path = min(requests, key=len)
    low, high = below(path)
    rest = {other: why for other, why in requests.items() if other != path and not low <= other < high}
    return path, requests[path], rest


def concerned(rows: list[Volume], path: bytes) -> list[Volume]:
    """The present volumes that hold `path` or lie below it."""
    low, high = below(path)
    present = [volume for volume in rows if volume.kind != "blocked"]
    holders = [v for v in present if path == v.path or path.startswith(v.path.rstrip(b"/") + b"/")]
    return [v for v in (*holders[-1:], *(v for v in present if low <= v.path < high)) if v.in_place]
