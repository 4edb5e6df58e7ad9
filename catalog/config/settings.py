"""Settings of each table of the configuration: names, types, defaults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """Reading files. `workers`: 0 means one per core. The limits are for each file."""

    workers: int = 0
    memory_mb: int = 3072
    seconds: float = 60.0
    max_megapixels: float = 200.0


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Embedding. `bundle`: `default`, the name of a downloaded bundle, or a folder. `provider`: see PROVIDERS.

    `threads`, `batch`: 0 means automatic. `devices`: GPUs that share the work; `batch` and `gpu_memory_mb` (0: no
    limit) are per GPU. `idle_minutes`: 0 keeps the model loaded.
    """

    bundle: str = "default"
    provider: str = "auto"
    threads: int = 0
    batch: int = 0
    devices: tuple[int, ...] = (0,)
    gpu_memory_mb: int = 0
    idle_minutes: float = 0.0


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Seconds to wait after the last event of a file: a close or move, or any other; minutes between scans."""

    closed_seconds: float = 1.0
    open_seconds: float = 5.0
    scan_minutes: float = 60.0
    remote_scan_minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class ScrubSettings:
    """Scrubs: read each file once in `days`, at most `budget_gb` a night, at `rate_mb` per second.

    `continuous`: the service scrubs all day, for machines without a timer for `catalog scrub`.
    """

    days: float = 90.0
    budget_gb: float = 50.0
    rate_mb: float = 60.0
    continuous: bool = False


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Automatic backups of the catalog: how many daily and weekly ones to keep."""

    daily: int = 7
    weekly: int = 4


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """Limits for alarms: percent of a day's images that arrive damaged, and of a root's files that a scan misses."""

    damaged_percent: float = 5.0
    missing_percent: float = 50.0


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The nightly report: how many to keep, and a shell command line to run with each."""

    keep: int = 30
    command: str = ""
