"""Whether a path exists under exactly this name.

Where case does not count (SMB, exFAT, ext4 and ZFS with case folding) or names are normalised, lstat finds a file under
names that no directory lists: the old name of a file that was renamed in case only would never be missing.
"""

import os
import unicodedata

from catalog.filesystem.paths import split_path
from catalog.filesystem.stat_signature import lstat_or_none


def exists_as_listed(path: bytes, top: bytes) -> bool:
    """Return whether `path` exists and each of its names below `top` is listed as it is written.

    `top` is a volume, whose own path is as its owner wrote it. A directory that cannot be listed is believed.
    Raises OSError if it cannot be determined whether the path exists.
    """
    found = lstat_or_none(path)
    while found is not None and path != top and path != b"/":
        folder, name = split_path(path)
        if _has_other_spelling(folder, name, found) and not _is_listed(folder, name):
            return False
        path = folder
        found = lstat_or_none(path)
    return found is not None


def _has_other_spelling(folder: bytes, name: bytes, found: os.stat_result) -> bool:
    """Return whether another spelling of the name leads to the same file. A few lookups, instead of a long listing."""
    for other in other_spellings(name):
        try:
            same = lstat_or_none(os.path.join(folder, other))
        except OSError:
            continue
        if same is not None and os.path.samestat(same, found):
            return True
    return False


def other_spellings(name: bytes) -> set[bytes]:
    """Return spellings that a filesystem which folds case or normalises names takes for the same name. Pure."""
    text = name.decode("utf-8", "surrogateescape")
    forms = {text.swapcase(), text.lower(), text.upper()}
    forms |= {unicodedata.normalize(form, one) for one in (text, *forms) for form in ("NFC", "NFD")}
    return {form.encode("utf-8", "surrogateescape") for form in forms if form} - {name}


def _is_listed(folder: bytes, name: bytes) -> bool:
    try:
        return name in os.listdir(folder)
    except OSError:
        return True
