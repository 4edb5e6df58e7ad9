"""The systemd unit, filled in for one machine. Pure: text in, text out."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from catalog.faults import UsageFault

NAME = "catalogd.service"
STATE = Path("/var/lib/catalogd")  # what `StateDirectory=catalogd` stands for


@dataclass(frozen=True, slots=True)
class Site:
    """What differs from machine to machine. `user` and `group` only for the unit of the whole machine."""

    program: Path
    config: Path
    state: Path
    user: str = ""
    group: str = ""


def personal_unit(site: Site) -> str:
    """The unit for one person's own service manager."""
    return _set(_template("catalogd-user.service"), "ExecStart", _command(site))


def system_unit(site: Site) -> str:
    """The unit for the whole machine, run as one user. Raises UsageFault for a path that a unit cannot hold."""
    text = _template(NAME)
    for key, value in (("User", site.user), ("Group", site.group), ("ExecStart", _command(site))):
        text = _set(text, key, value)
    if site.user == "root":
        # Without this one capability root reads only what root owns; changing anything stays impossible.
        text = _set(text, "CapabilityBoundingSet", "CAP_DAC_READ_SEARCH")
    if site.state != STATE:
        text = re.sub(r"(?m)^StateDirectoryMode=.*\n", "", text)
        text = re.sub(r"(?m)^StateDirectory=.*$", lambda _: f"ReadWritePaths={_quoted(site.state)}", text)
    return text


def _template(name: str) -> str:
    return (files("catalog.units") / name).read_text(encoding="utf-8")


def _set(text: str, key: str, value: str) -> str:
    return re.sub(rf"(?m)^{key}=.*$", lambda _: f"{key}={value}", text, count=1)


def _command(site: Site) -> str:
    # systemd looks for variables in arguments, not in the program's own path: so a `$` is doubled there only.
    return f"{_quoted(site.program)} --config {_quoted(site.config).replace('$', '$$')}"


def _quoted(path: Path) -> str:
    """A path after systemd.syntax(7), with `%` doubled after systemd.unit(5)."""
    text = str(path)
    if not text.isprintable():
        raise UsageFault(f"a systemd unit cannot hold the name {text!r}", "Use a path of printable UTF-8 characters.")
    text = text.replace("%", "%%")
    if not re.search(r"[\s\"'\\]", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
