"""The systemd units, filled in for one machine. Pure: text in, text out."""

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
TIMERS = (SCRUB_TIMER, REPORT_TIMER)
SYSTEM_STATE = Path("/var/lib/catalogd")  # what `StateDirectory=catalogd` stands for


@dataclass(frozen=True, slots=True)
class UnitSettings:
    """What differs from machine to machine. `program` is catalogd, with catalog beside it; `user` and `group` only for
    the units of the whole machine. `sends`: the owner has a command that sends the report, over a network say.
    """

    program: Path
    config: Path
    state: Path
    user: str = ""
    group: str = ""
    sends: bool = False


def user_units(site: UnitSettings) -> dict[str, str]:
    """The units for one person's own service manager, by name."""
    scrub = _set_directive(_template("catalog-scrub-user.service"), "ExecStart", _catalog_command(site, "scrub"))
    report = _set_directive(_template("catalog-report-user.service"), "ExecStart", _catalog_command(site, "report"))
    return {SERVICE_UNIT: user_unit(site), SCRUB_UNIT: scrub, REPORT_UNIT: report, **_timers()}


def system_units(site: UnitSettings) -> dict[str, str]:
    """The units for the whole machine, run as one user, by name. Raises UsageError for a path no unit can hold."""
    scrub, report = (
        _fill_system_template(name, site, _catalog_command(site, word))
        for name, word in ((SCRUB_UNIT, "scrub"), (REPORT_UNIT, "report"))
    )
    return {
        SERVICE_UNIT: system_unit(site),
        SCRUB_UNIT: scrub,
        REPORT_UNIT: _with_network(report) if site.sends else report,
        **_timers(),
    }


def user_unit(site: UnitSettings) -> str:
    """The service for one person's own service manager."""
    return _set_directive(_template("catalogd-user.service"), "ExecStart", _service_command(site))


def system_unit(site: UnitSettings) -> str:
    """The service for the whole machine, run as one user. Raises UsageError for a path that a unit cannot hold."""
    return _fill_system_template(SERVICE_UNIT, site, _service_command(site))


def _fill_system_template(name: str, site: UnitSettings, command: str) -> str:
    text = _template(name)
    for key, value in (("User", site.user), ("Group", site.group), ("ExecStart", command)):
        text = _set_directive(text, key, value)
    if site.user == "root":
        # Without this one capability root reads only what root owns; changing anything stays impossible.
        text = _set_directive(text, "CapabilityBoundingSet", "CAP_DAC_READ_SEARCH")
    if site.state != SYSTEM_STATE:
        text = re.sub(r"(?m)^StateDirectoryMode=.*\n", "", text)
        text = re.sub(r"(?m)^StateDirectory=.*$", lambda _: f"ReadWritePaths={_quoted(site.state)}", text)
    return text


def _timers() -> dict[str, str]:
    return {name: _template(name) for name in TIMERS}


def _with_network(text: str) -> str:
    """With a network, for the command that sends the report: shut in there, it would fail each night."""
    text = re.sub(r"(?m)^IPAddressDeny=.*\n", "", text)
    text = _set_directive(text, "RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK")
    return _set_directive(text, "PrivateNetwork", "no")


def _template(name: str) -> str:
    return (files("catalog.units") / name).read_text(encoding="utf-8")


def _set_directive(text: str, key: str, value: str) -> str:
    return re.sub(rf"(?m)^{key}=.*$", lambda _: f"{key}={value}", text, count=1)


def _service_command(site: UnitSettings) -> str:
    return _command(site.program, site.config)


def _catalog_command(site: UnitSettings, word: str) -> str:
    return f"{_command(site.program.with_name('catalog'), site.config)} {word}"


def _command(program: Path, config: Path) -> str:
    # systemd looks for variables in arguments, not in the program's own path: so a `$` is doubled there only.
    return f"{_quoted(program)} --config {_quoted(config).replace('$', '$$')}"


def _quoted(path: Path) -> str:
    """A path after systemd.syntax(7), with `%` doubled after systemd.unit(5)."""
    text = str(path)
    if not text.isprintable():
        raise UsageError(f"a systemd unit cannot hold the name {text!r}", "Use a path of printable UTF-8 characters.")
    text = text.replace("%", "%%")
    if not re.search(r"[\s\"'\\]", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
