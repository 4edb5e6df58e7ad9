"""The JSON of `backup` and `recover`."""

from typing import NotRequired, TypedDict


class BackupJson(TypedDict):
    """`catalog backup`: one line per backup, newest first."""

    at: str  # when it was made, UTC
    path: str  # absolute path
    bytes: int  # size, bytes


class SkippedBackupJson(TypedDict):
    """`catalog recover`: a backup that was not used."""

    path: str  # absolute path
    why: str  # why not


class RecoveryJson(TypedDict):
    """`catalog recover`: one object. A sound catalog has only `sound`."""

    sound: bool  # whether the catalog was sound, so that nothing was done
    source: NotRequired[str | None]  # backup that was put in place; null if the catalog was rebuilt
    until: NotRequired[str | None]  # when that backup was made, UTC; later events are lost, except labels
    labels: NotRequired[int]  # labels and other choices in the recovered catalog
    salvaged: NotRequired[int]  # number of those that came from the damaged file
    aside: NotRequired[str | None]  # where the damaged file is kept
    passed: NotRequired[list[SkippedBackupJson]]  # backups that were not used
    next: NotRequired[str]  # command to run next
