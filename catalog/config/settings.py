"""What the owner can set, table by table of the configuration: names, types, defaults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """Reading: `workers` 0 means one a core; limits are for each file."""

    workers: int = 0
    memory_mb: int = 3072
    seconds: float = 60.0
    max_megapixels: float = 200.0


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Embedding: `bundle` is `default`, a pulled one's name or a folder; `provider` is auto, cpu, cuda or tensorrt; 0
    lets us choose. `devices`: which GPUs share the work; `batch` and `gpu_memory_mb` (0: no limit) are for each;
    `idle_minutes`: 0 keeps the model loaded.
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
    """Times: seconds a file must rest after its close or move, or after any other event; minutes between scans."""

    closed_seconds: float = 1.0
    open_seconds: float = 5.0
    scan_minutes: float = 60.0
    remote_scan_minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class ScrubSettings:
    """Reading every byte again: every file once in `days`, at most `budget_gb` a night at `rate_mb` a second.

    `continuous` spreads it over the day inside the service, where no timer runs `catalog scrub`.
    """

    days: float = 90.0
    budget_gb: float = 50.0
    rate_mb: float = 60.0
    continuous: bool = False


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Copies of the catalog that the service makes by itself: how many nightly and how many weekly ones are kept."""

    daily: int = 7
    weekly: int = 4


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """What turns `status` red: percent of a day's images that arrive damaged, of a root's files that a scan misses."""

    damaged_percent: float = 5.0
    missing_percent: float = 50.0


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The nightly report: how many are kept, and a command that is run with each, in the words of a shell."""

    keep: int = 30
    command: str = ""
