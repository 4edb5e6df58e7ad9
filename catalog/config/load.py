"""Load the TOML configuration into typed settings. An unknown key is an error."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import quote_from_bytes, unquote_to_bytes

from catalog.config.settings import (
    AlarmSettings,
    BackupSettings,
    IntakeSettings,
    ModelSettings,
    ReportSettings,
    ScrubSettings,
    WatchSettings,
)
from catalog.errors import UsageError
from catalog.filesystem.ignore import DEFAULTS, expand_ignore
from catalog.filesystem.paths import at_or_inside
from catalog.state_dir import DATABASE

NO_DEFAULTS: Mapping[str, Any] = {}
PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration. Roots are bytes, since Linux paths are not text. `ignore`: see `expand_ignore`."""

    path: Path
    state: Path
    roots: tuple[bytes, ...]
    ignore: tuple[str, ...] = (DEFAULTS,)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    scrub: ScrubSettings = field(default_factory=ScrubSettings)
    backup: BackupSettings = field(default_factory=BackupSettings)
    alarm: AlarmSettings = field(default_factory=AlarmSettings)
    report: ReportSettings = field(default_factory=ReportSettings)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.state / DATABASE


def _xdg_path(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


def config_paths(explicit: str | None) -> list[Path]:
    """Return the paths where a configuration may be, in order of precedence; `init` writes to the first."""
    named = explicit or os.environ.get("CATALOG_CONFIG")
    if named:
        return [Path(named)]
    personal = _xdg_path("XDG_CONFIG_HOME", ".config") / "catalogd" / "config.toml"
    system = Path("/etc/catalogd/config.toml")
    as_system = os.geteuid() == 0 and "XDG_CONFIG_HOME" not in os.environ
    return [system, personal] if as_system else [personal, system]


def default_state_directory() -> Path:
    """Return the state directory for a configuration that does not set one."""
    if os.geteuid() == 0 and "XDG_STATE_HOME" not in os.environ:
        return Path("/var/lib/catalogd")
    return _xdg_path("XDG_STATE_HOME", ".local/state") / "catalogd"


def load_config(explicit: str | None = None, given: Mapping[str, Any] = NO_DEFAULTS) -> Config:
    """Find, read and check the configuration. `given`: defaults for keys that the file does not set.

    Raises UsageError if it is invalid or missing.
    """
    first, *others = config_paths(explicit)
    for place in (first, *others):
        try:
            text = place.read_text(encoding="utf-8").removeprefix("\ufeff")  # some editors write a BOM
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {place}: {error}", "Check its permissions and encoding (UTF-8).") from error
        try:
            return _parse_config(place, {**given, **tomllib.loads(text)})
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{place} is not valid TOML: {error}", "Correct that line.") from error
    raise UsageError(f"there is no configuration at {first}", "Create one: `catalog init ROOT`.")


def _parse_config(place: Path, table: dict[str, Any]) -> Config:
    values = _parse_table(Config, table, f"{place}", skip=("path",))
    for name in ("state", "roots"):
        if name not in values:
            raise UsageError(f"{place} lacks `{name}`", "Add it, or run `catalog init ROOT` again.")
    values["state"] = Path(values["state"]).expanduser()
    values["roots"] = tuple(parse_root(root) for root in values["roots"])
    if not values["state"].is_absolute():
        raise UsageError(f"`state` in {place} is not an absolute path", "Write an absolute path.")
    check_roots(values["roots"])
    config = Config(path=place, **values)
    expand_ignore(config.ignore)
    provider = config.model.provider
    if provider not in PROVIDERS:
        raise UsageError(f"no such provider: `{provider}` in {place}", f"Choose one of {', '.join(PROVIDERS)}.")
    devices = config.model.devices
    if not devices or len(set(devices)) < len(devices):
        raise UsageError(f"`devices` in {place} is empty or lists a GPU twice", "List GPU numbers: `devices = [0, 1]`.")
    return config


def _parse_table(kind: type, table: dict[str, Any], where: str, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    known = {item.name for item in fields(kind)} - set(skip)
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            hint = f"Known keys: {', '.join(sorted(known))}."
            for similar in difflib.get_close_matches(key, known, 1):
                hint = f"Did you mean `{similar}`?"
            raise UsageError(f"unknown key `{key}` in {where}", hint)
        values[key] = _parse_value(hints[key], value, f"`{key}` in {where}")
    return values


def _parse_value(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise UsageError(f"{where} must be a table", "Write it as `[table]` with its keys below.")
        return kind(**_parse_table(kind, value, where))
    if kind is Path or kind is str:
        good = isinstance(value, str)
    elif kind is bool:
        good = isinstance(value, bool)
    elif kind in (int, float):
        good = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool) and value >= 0
    elif kind == tuple[int, ...]:
        good = isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
        value = tuple(value) if good else value
    else:
        good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        value = tuple(value) if good else value
    if not good:
        raise UsageError(f"{where} has the wrong type: {value!r}", "See the README's table of settings.")
    return float(value) if kind is float else value


def parse_root(text: str) -> bytes:
    """Return a root from its text: a plain path, or a `file://` URL for names that are not UTF-8."""
    is_url = text.startswith("file://")
    path = unquote_to_bytes(text.removeprefix("file://")) if is_url else os.fsencode(os.path.expanduser(text))
    return path.rstrip(b"/") or b"/"


def format_root(path: bytes) -> str:
    """Return text that `parse_root` turns back into the same bytes."""
    try:
        return path.decode("utf-8")
    except UnicodeDecodeError:
        return "file://" + quote_from_bytes(path)


def check_roots(roots: tuple[bytes, ...]) -> None:
    """Raise UsageError unless all roots are absolute and none is inside another."""
    for root in roots:
        if not root.startswith(b"/"):
            raise UsageError(f"the root {os.fsdecode(root)!r} is not absolute", "Write an absolute path.")
        for other in roots:
            if other is not root and at_or_inside(root, other):
                problem = f"the root {os.fsdecode(root)!r} is inside {os.fsdecode(other)!r}"
                raise UsageError(problem, "Keep only the outer one.")
