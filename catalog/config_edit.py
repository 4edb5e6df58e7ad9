"""Change one setting in the configuration's text, and leave the owner's other lines and comments alone."""

import json
import os
import re
import tomllib
from pathlib import Path

from catalog.config import Config, load_config
from catalog.faults import PlaceFault, UsageFault


def with_setting(text: str, section: str, key: str, value: str) -> str:
    """The TOML text with `[section] key = "value"`. Pure.

    Raises UsageFault where the text is laid out so that a line cannot be changed without being misread.
    """
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
    lines = text.splitlines(keepends=True)
    start = next((i for i, one in enumerate(lines) if one.split("#")[0].strip() == f"[{section}]"), None)
    if start is None:
        changed = text.rstrip("\n") + f"\n\n[{section}]\n{line}"
    else:
        end = next((i for i in range(start + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
        old = next((i for i in range(start + 1, end) if re.match(rf"\s*{key}\s*=", lines[i])), None)
        lines[start + 1 if old is None else old : start + 1 if old is None else old + 1] = [line]
        changed = "".join(lines)
    try:
        said = tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        said = {}
    expected = tomllib.loads(text)
    expected.setdefault(section, {})[key] = value
    if said != expected:
        raise UsageFault("the configuration cannot be changed by a program", f"Write `{line.strip()}` by hand.")
    return changed


def write_setting(place: Path, section: str, key: str, value: str) -> Config:
    """Change the file in one rename; returns the new configuration. Raises PlaceFault, UsageFault."""
    try:
        changed = with_setting(place.read_text(encoding="utf-8"), section, key, value)
        draft = place.with_name(place.name + ".new")
        draft.write_text(changed, encoding="utf-8")
        os.replace(draft, place)
    except OSError as error:
        raise PlaceFault(f"cannot write {place}: {error.strerror}", "Mend its permissions.") from error
    return load_config(str(place))
