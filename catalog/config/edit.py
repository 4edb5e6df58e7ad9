"""Change a value in the configuration; the owner's comments, order, spacing and quotes stay as they are.

tomlkit is imported only where something is changed: it takes 17 ms, a tenth of what a question takes.
"""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.config.load import Config, format_root, load_config, parse_root
from catalog.errors import ResourceError, UsageError
from catalog.filesystem.atomic_write import replace_durably

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

BOM = b"\xef\xbb\xbf"
COMMENT = re.compile(r"#[^\n]*")
LIST_SEPARATOR = re.compile(rf"(?:[ \t\r\n,]|{COMMENT.pattern})*")  # the values of a list
LIST_INDENT = re.compile(r"\n([ \t]*)(?=[\"'])")


def with_setting(text: str, section: str, key: str, value: str) -> str:
    """Return the TOML text with `[section] key = "value"`. Pure.

    Raises UsageFault where the text is laid out so that a program cannot change it.
    """
    import tomlkit

    line = tomlkit.dumps({key: value})
    document, expected = _parse_toml(text)
    expected[section] = {**expected.get(section, {}), key: value}
    if section in document:
        _set_key(document[section], key, value)
        changed = document.as_string()
    else:
        gap = "\n" if text.endswith("\n") else "\n\n"
        changed = f"{text}{gap if text else ''}[{section}]\n{line}"
    return _checked(changed, expected, f"`{line.strip()}` in `[{section}]`.")


def _set_key(table: Any, key: str, value: str) -> None:
    """Set a key of a table. A new one goes behind the last, above the comments in front of the next table."""
    import tomlkit

    body = getattr(getattr(table, "value", None), "body", [])
    if key in table or not body:
        table[key] = value
        return
    behind: list[Any] = []
    while body and body[-1][0] is None:
        behind.insert(0, body.pop())
    item = tomlkit.item(value)
    indent = body[-1][1].trivia.indent if body else ""
    table.append(key, item)
    item.trivia.indent = indent or item.trivia.indent
    body.extend(behind)


def with_roots(text: str, state: Path, roots: Iterable[bytes]) -> str:
    """Return the TOML text with these roots behind those that it lists, and with `state` where it has none. Pure.

    Raises UsageFault where the text is laid out so that a program cannot change it.
    """
    import tomlkit

    document, old = _parse_toml(text)
    there = {parse_root(root) for root in old.get("roots", [])}
    fresh = [format_root(root) for root in roots if root not in there]
    if not fresh and old.keys() >= {"state", "roots"}:
        return text
    every = tomlkit.value(_extend_list(document.get("roots", tomlkit.value("[\n]")), fresh))
    if "roots" in old:
        document["roots"] = every
    first = {key: value for key, value in (("state", os.fspath(state)), ("roots", every)) if key not in old}
    changed = tomlkit.dumps(first) + document.as_string()
    by_hand = f"{', '.join(tomlkit.item(root).as_string() for root in fresh)} in `roots`."
    return _checked(changed, {**first, **old, "roots": [*old.get("roots", []), *fresh]}, by_hand)


def _extend_list(old: Any, values: list[str]) -> str:
    """Return the text of a list with more values behind, laid out as it is.

    Not by tomlkit's `append`: of 20,000 random lists with comments, version 0.15.2 made 124 with the new value in a
    comment, and 5,007 that were no TOML.
    """
    import tomlkit

    text, end = old.as_string()[1:-1], 0
    for value in old:
        end = next(LIST_SEPARATOR.finditer(text, end)).end() + len(value.as_string())
    behind = text[end:].rstrip(" \t\r\n")
    closed = "," in COMMENT.sub("", behind)
    gap = "\n" + (LIST_INDENT.findall(text) or ["  "])[-1] if "\n" in text else " "
    start = text[:end] + ("," if end and not closed else "") + behind + (gap if end or "\n" in text else "")
    last = "," if closed or (not end and "\n" in text) else ""
    added = f",{gap}".join(tomlkit.item(value).as_string() for value in values)
    return f"[{start}{added}{last}{text[end + len(behind) :]}]"


def _parse_toml(text: str) -> tuple["TOMLDocument", dict[str, Any]]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text), tomllib.loads(text)
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the configuration cannot be changed by a program: {error}", "Change it by hand.") from error


def _checked(changed: str, expected: dict[str, Any], by_hand: str) -> str:
    """Return a changed text that means what it should; raise UsageFault for any other."""
    try:
        if tomllib.loads(changed) == expected:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    raise UsageError("the configuration cannot be changed by a program", f"Change it by hand: {by_hand}")


def write_setting(place: Path, section: str, key: str, value: str) -> Config:
    """Change one setting; returns the new configuration. Raises PlaceFault, UsageFault."""
    _rewrite(place, lambda text: with_setting(text, section, key, value))
    return load_config(str(place))


def write_config(place: Path, state: Path, roots: Iterable[bytes]) -> None:
    """Make a configuration, or add the roots that an old one lacks. Raises PlaceFault, UsageFault."""
    _rewrite(place, lambda text: with_roots(text, state, roots))


def _rewrite(place: Path, change: Callable[[str], str]) -> None:
    """Change the file's text, if it does change, in one rename. A link to it stays a link."""
    target = Path(os.path.realpath(place))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        old = target.read_bytes() if target.exists() else b""
        new = _changed(old, change)
        if new != old:
            _replace(target, new)
    except UnicodeEncodeError as error:
        problem = f"{error.object!r} cannot be written into {place}, since it is not UTF-8"
        raise UsageError(problem, "Rename it, or name another place.") from error
    except OSError as error:
        raise ResourceError(
            f"cannot write {place}: {os.strerror(error.errno or 0).lower()}",
            "See that its folder is writable for this user, or name another place with --config FILE.",
        ) from error


def _changed(old: bytes, change: Callable[[str], str]) -> bytes:
    """Change a text in UTF-8, whose mark at its start and whose line ends stay as they are."""
    mark = BOM if old.startswith(BOM) else b""
    text = old.removeprefix(mark).decode()
    if "\r\n" not in text or text.count("\n") > text.count("\r\n"):
        return mark + change(text).encode()
    return mark + change(text.replace("\r\n", "\n")).replace("\n", "\r\n").encode()


def _replace(target: Path, data: bytes) -> None:
    draft = target.with_name(target.name + ".new")
    old = target.stat() if target.exists() else None
    try:
        # `[report] command` may hold a password: at no moment may others read it who could not before.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600 if old else 0o666)
        with open(handle, "wb") as file:
            file.write(data)
            if old is not None:
                with suppress(PermissionError):  # then it belongs to who changed it
                    os.fchown(handle, old.st_uid, old.st_gid)
                os.fchmod(handle, stat.S_IMODE(old.st_mode))
        replace_durably(draft, target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
