"""Edit the configuration in place, keeping the owner's comments, order, spacing and quotes.

tomlkit is imported only for a change: the import takes 17 ms, a tenth of the time of a query.
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
from catalog.errors import ResourceError, UsageError, error_text
from catalog.filesystem.atomic_write import replace_durably
from catalog.formatting import printable_path

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

BOM = b"\xef\xbb\xbf"
COMMENT = re.compile(r"#[^\n]*")
LIST_SEPARATOR = re.compile(rf"(?:[ \t\r\n,]|{COMMENT.pattern})*")  # between values of a list
COMMA_AFTER = re.compile(rf"((?:[ \t\r\n]|{COMMENT.pattern})*),")  # behind a value, after comments
LIST_INDENT = re.compile(r"\n([ \t]*)(?=[\"'])")


def with_setting(text: str, section: str, key: str, value: str) -> str:
    """Return the TOML text with `[section] key = "value"`. Pure. Raises UsageError if the layout does not allow it."""
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
    """Set a key of a table. A new key is inserted after the last one, before the comments above the next table."""
    import tomlkit

    body = getattr(getattr(table, "value", None), "body", [])
    if key in table or not body:
        table[key] = value
        return
    trailing: list[Any] = []
    indent = ""
    while body:
        last_key, last_item = body[-1]
        if last_key is not None:
            indent = last_item.trivia.indent
            break
        trailing.insert(0, body.pop())
    item = tomlkit.item(value)
    table.append(key, item)
    item.trivia.indent = indent or item.trivia.indent
    body.extend(trailing)


def with_roots(text: str, state: Path, roots: Iterable[bytes]) -> str:
    """Return the TOML text with these roots, and `state` if it has none. Pure. Raises as `with_setting` does."""
    import tomlkit

    document, old = _parse_toml(text)
    known = {parse_root(root) for root in old.get("roots", [])}
    added = [format_root(root) for root in roots if root not in known]
    if not added and old.keys() >= {"state", "roots"}:
        return text
    all_roots = tomlkit.value(_extend_list(document.get("roots", tomlkit.value("[\n]")), added))
    if "roots" in old:
        document["roots"] = all_roots
    missing = {key: value for key, value in (("state", os.fspath(state)), ("roots", all_roots)) if key not in old}
    changed = tomlkit.dumps(missing) + document.as_string()
    by_hand = f"{', '.join(tomlkit.item(root).as_string() for root in added)} in `roots`."
    return _checked(changed, {**missing, **old, "roots": [*old.get("roots", []), *added]}, by_hand)


def with_root_replaced(text: str, old: bytes, new: bytes) -> str:
    """Return the TOML text with another path in the place of a root. Pure.

    Raises UsageError if it has no such root, or if its layout does not allow the change.
    """
    return _with_root_texts(text, old, format_root(new))


def without_root(text: str, root: bytes) -> str:
    """Return the TOML text without a root. Pure. Raises as `with_root_replaced` does."""
    return _with_root_texts(text, root, None)


def _with_root_texts(text: str, old: bytes, new: str | None) -> str:
    import tomlkit

    document, expected = _parse_toml(text)
    listed = expected.get("roots", [])
    changed_indices = [index for index, root in enumerate(listed) if parse_root(root) == old]
    if not changed_indices:
        raise UsageError(f"{printable_path(old)} is not a root in the configuration", "See `catalog root list`.")
    roots: Any = document["roots"]
    for index in reversed(changed_indices):
        roots = tomlkit.value(_replace_in_list(roots, index, new))
    document["roots"] = roots
    kept = [new if index in changed_indices else root for index, root in enumerate(listed)]
    by_hand = f"{tomlkit.item(new).as_string()} instead of" if new is not None else "without"
    return _checked(
        document.as_string(),
        {**expected, "roots": [root for root in kept if root is not None]},
        f"`roots` {by_hand} {tomlkit.item(format_root(old)).as_string()}.",
    )


def _replace_in_list(old: Any, index: int, new: str | None) -> str:
    """Return the text of a list with one value replaced, or without it and its comma if `new` is None.

    Comments stay. A line on which nothing is left goes.
    """
    import tomlkit

    text, start, end = old.as_string()[1:-1], 0, 0
    for value in list(old)[: index + 1]:
        start = next(LIST_SEPARATOR.finditer(text, end)).end()
        end = start + len(value.as_string())
    if new is not None:
        return f"[{text[:start]}{tomlkit.item(new).as_string()}{text[end:]}]"
    before, after = text[:start], text[end:]
    comma = COMMA_AFTER.match(after)
    if comma:
        after = comma[1] + after[comma.end() :]
    line_start, line_end = before.rpartition("\n")[2], after.partition("\n")[0]
    if not line_start.strip() and not line_end.strip() and "\n" in before and "\n" in after:
        before, after = before[: len(before) - len(line_start) - 1], after[len(line_end) :]
    elif not comma and "\n" not in text:
        before = before.rstrip(" \t").removesuffix(",")  # the last one of a line
    elif "\n" not in text:
        after = after.lstrip(" \t") if before.endswith((" ", "\t")) or not before else after
    return f"[{before}{after}]"


def _extend_list(old: Any, values: list[str]) -> str:
    """Return the text of a list with values appended in the same layout.

    tomlkit's `append` does not work: with 20,000 random lists with comments, version 0.15.2 put the new value into a
    comment in 124 cases and produced invalid TOML in 5,007.
    """
    import tomlkit

    text, end = old.as_string()[1:-1], 0
    for value in old:
        end = next(LIST_SEPARATOR.finditer(text, end)).end() + len(value.as_string())
    tail = text[end:].rstrip(" \t\r\n")
    has_comma = "," in COMMENT.sub("", tail)
    gap = "\n" + (LIST_INDENT.findall(text) or ["  "])[-1] if "\n" in text else " "
    start = text[:end] + ("," if end and not has_comma else "") + tail + (gap if end or "\n" in text else "")
    last_comma = "," if has_comma or (not end and "\n" in text) else ""
    added = f",{gap}".join(tomlkit.item(value).as_string() for value in values)
    return f"[{start}{added}{last_comma}{text[end + len(tail) :]}]"


def _parse_toml(text: str) -> tuple["TOMLDocument", dict[str, Any]]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text), tomllib.loads(text)
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the configuration cannot be changed by a program: {error}", "Change it by hand.") from error


def _checked(changed: str, expected: dict[str, Any], by_hand: str) -> str:
    """Return the changed text if it parses to the expected values; else raise UsageError."""
    try:
        if tomllib.loads(changed) == expected:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    raise UsageError("the configuration cannot be changed by a program", f"Change it by hand: {by_hand}")


def write_setting(place: Path, section: str, key: str, value: str) -> Config:
    """Change one setting; return the new configuration. Raises ResourceError, UsageError."""
    _rewrite(place, lambda text: with_setting(text, section, key, value))
    return load_config(str(place))


def write_config(place: Path, state: Path, roots: Iterable[bytes]) -> None:
    """Create a configuration, or add missing roots to an existing one. Raises ResourceError, UsageError."""
    _rewrite(place, lambda text: with_roots(text, state, roots))


def replace_root(place: Path, old: bytes, new: bytes) -> Config:
    """Give a root another path; return the new configuration. Raises ResourceError, UsageError."""
    _rewrite(place, lambda text: with_root_replaced(text, old, new))
    return load_config(str(place))


def remove_root(place: Path, root: bytes) -> Config:
    """Take a root out of the configuration; return the new one. Raises ResourceError, UsageError."""
    _rewrite(place, lambda text: without_root(text, root))
    return load_config(str(place))


def _rewrite(place: Path, change: Callable[[str], str]) -> None:
    """Replace the file atomically if its text changes. A link to it stays a link."""
    target = Path(os.path.realpath(place))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        old = target.read_bytes() if target.exists() else b""
        new = _changed(old, change)
        if new != old:
            _replace(target, new)
    except UnicodeEncodeError as error:
        problem = f"{error.object!r} cannot be written into {place}, since it is not UTF-8"
        raise UsageError(problem, "Rename it, or choose another path.") from error
    except OSError as error:
        raise ResourceError(
            f"cannot write {place}: {error_text(error)}",
            "Check that its folder is writable for this user, or choose another file with --config FILE.",
        ) from error


def _changed(old: bytes, change: Callable[[str], str]) -> bytes:
    """Apply a change to UTF-8 text, keeping its byte order mark and its line endings."""
    mark = BOM if old.startswith(BOM) else b""
    text = old.removeprefix(mark).decode()
    if "\r\n" not in text or text.count("\n") > text.count("\r\n"):
        return mark + change(text).encode()
    return mark + change(text.replace("\r\n", "\n")).replace("\n", "\r\n").encode()


def _replace(target: Path, data: bytes) -> None:
    draft = target.with_name(target.name + ".new")
    old = target.stat() if target.exists() else None
    try:
        # `[report] command` may contain a password: the new file must never be readable for more users than the old.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600 if old else 0o666)
        with open(handle, "wb") as file:
            file.write(data)
            if old is not None:
                with suppress(PermissionError):  # then it belongs to this user
                    os.fchown(handle, old.st_uid, old.st_gid)
                os.fchmod(handle, stat.S_IMODE(old.st_mode))
        replace_durably(draft, target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
