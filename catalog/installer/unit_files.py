"""The systemd units as shipped, and a drop-in for each with the settings of this machine. Pure: text in, text out.

Units and drop-ins are separate files so that an upgrade can replace a unit: an owner's changes are in drop-ins of
their own (`systemctl edit` writes `<unit>.d/override.conf`), which are applied after ours and which nothing here
touches.
"""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from catalog.errors import UsageError

SERVICE_UNIT = "catalogd.service"
SCRUB_UNIT = "catalog-scrub.service"
SCRUB_TIMER = "catalog-scrub.timer"
REPORT_UNIT = "catalog-report.service"
REPORT_TIMER = "catalog-report.timer"
SERVICES = (SERVICE_UNIT, SCRUB_UNIT, REPORT_UNIT)
TIMERS = (SCRUB_TIMER, REPORT_TIMER)
DROP_IN_NAME = "10-catalogd.conf"  # sorts before override.conf, so that the owner has the last word
DROP_IN_HEADER = (
    "# The settings of this machine. `catalog service install` rewrites this file; for changes of your own use\n"
    "# `systemctl edit`, which writes override.conf beside it.\n"
)
SYSTEM_STATE = Path("/var/lib/catalogd")  # what `StateDirectory=catalogd` stands for
# The command that sends the report needs a network. An empty value resets a list that the unit has set.
NETWORK_LINES = (
    "PrivateNetwork=no",
    "RestrictAddressFamilies=",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "IPAddressDeny=",
)


@dataclass(frozen=True, slots=True)
class UnitSettings:
    """The settings that differ between machines.

    `program`: catalogd, with catalog beside it. `user`, `group`: for system units only. `sends`: the owner has set a
    command that sends the report, for example over a network.
    """

    program: Path
    config: Path
    state: Path
    user: str = ""
    group: str = ""
    sends: bool = False


def drop_in_path(unit: str) -> str:
    """Return the path of our drop-in for a unit, relative to the unit folder."""
    return f"{unit}.d/{DROP_IN_NAME}"


def user_unit_files(settings: UnitSettings) -> dict[str, str]:
    """Return the files for a user's own service manager, by path relative to the unit folder, in order of writing.

    A drop-in comes before its unit, which would not start without it. Raises UsageError for a path that a unit cannot
    contain.
    """
    found = {}
    for unit in SERVICES:
        found[drop_in_path(unit)] = _drop_in(_command_lines(unit, settings))
        found[unit] = _shipped_file(unit.replace(".service", "-user.service"))
    return found | _timers()


def system_unit_files(settings: UnitSettings) -> dict[str, str]:
    """Return the files for the whole machine, as `user_unit_files` does. The services run as one user."""
    found = {}
    for unit in SERVICES:
        lines = [f"User={settings.user}", f"Group={settings.group}", *_command_lines(unit, settings)]
        if settings.user == "root":
            # Without this one capability root reads only what root owns; changing anything stays impossible.
            lines += ["CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_DAC_READ_SEARCH"]
        if settings.state != SYSTEM_STATE:
            lines += ["StateDirectory=", f"ReadWritePaths={_quoted(settings.state)}"]
        if settings.sends and unit == REPORT_UNIT:
            lines += NETWORK_LINES
        found[drop_in_path(unit)] = _drop_in(lines)
        found[unit] = _shipped_file(unit)
    return found | _timers()


def _timers() -> dict[str, str]:
    return {name: _shipped_file(name) for name in TIMERS}


def _shipped_file(name: str) -> str:
    return (files("catalog.units") / name).read_text(encoding="utf-8")


def _drop_in(lines: list[str]) -> str:
    return DROP_IN_HEADER + "\n".join(("", "[Service]", *lines, ""))


def _command_lines(unit: str, settings: UnitSettings) -> list[str]:
    """Return the lines that replace ExecStart; the empty one resets the unit's."""
    program, subcommand = settings.program, ""
    if unit != SERVICE_UNIT:
        program, subcommand = program.with_name("catalog"), " scrub" if unit == SCRUB_UNIT else " report"
    # systemd expands variables in arguments, not in the path of the program: `$` is doubled only there.
    config = _quoted(settings.config).replace("$", "$$")
    return ["ExecStart=", f"ExecStart={_quoted(program)} --config {config}{subcommand}"]


def _quoted(path: Path) -> str:
    """Return a path quoted as in systemd.syntax(7), with `%` doubled as in systemd.unit(5)."""
    text = str(path)
    if not text.isprintable():
        raise UsageError(
            f"a systemd unit cannot contain the path {text!r}", "Use a path of printable UTF-8 characters."
        )
    text = text.replace("%", "%%")
    if not re.search(r"[\s\"'\\]", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
