"""What the scrub's tests share: a read collection, rot that no stamp tells, and the two commands."""

import json
import os
import time
from typing import Any

from catalog.filesystem.stat_signature import signature_of
from catalog.store.database import Database
from tests.support.running_service import RunningService, picture
from tests.support.waiting import TIMEOUT_SECONDS

DAY = 86400.0


def add_images(service: RunningService, count: int) -> list[str]:
    """Healthy pictures, all of them read by one pass."""
    names = [f"{seed:02}.png" for seed in range(count)]
    for seed, name in enumerate(names):
        service.path(name).write_bytes(picture(seed))
    done = service.once()
    assert done.returncode == 0, done.stderr
    return names


def change(service: RunningService, sql: str, *values: object) -> None:
    """Write in the catalog, while no service runs."""
    database = Database(service.config.database, write=True)
    database.run(sql, *values)
    database.close()


def believe(service: RunningService, name: str) -> None:
    """Have the row take the file's times for known: ctime cannot be set on a disk, and rot does not change it."""
    found = signature_of(service.path(name).stat())
    change(
        service,
        "UPDATE file SET mtime_ns = ?, ctime_ns = ? WHERE name = ?",
        *(found.mtime_ns, found.ctime_ns, name.encode()),
    )


def rot(service: RunningService, name: str, at: int = -20) -> None:
    """Flip one bit, and nothing else that a stamp tells."""
    file = service.path(name)
    before = file.stat()
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    with file.open("r+b") as handle:
        handle.write(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    believe(service, name)


def age(service: RunningService, days: dict[str, float]) -> None:
    """Date the last reading of files back."""
    for name, ago in days.items():
        change(service, "UPDATE file SET last_verified = ? WHERE name = ?", time.time() - ago * DAY, name.encode())


def verified(service: RunningService) -> dict[str, float]:
    """When each file was read last."""
    rows = service.rows("SELECT name, coalesce(last_verified, 0) FROM file WHERE state != 'gone'")
    return {os.fsdecode(name): when for name, when in rows}


def states(service: RunningService) -> dict[str, str]:
    """State and reason of each file by its name."""
    found = service.states().items()
    return {
        os.fsdecode(os.path.basename(path)): f"{state} {reason or ''}".strip() for path, (state, _, reason) in found
    }


def scrub(service: RunningService, *arguments: str, code: int = 0) -> dict[str, Any]:
    """`catalog scrub --json`, to its end."""
    started = service.start_catalog("scrub", "--json", *arguments)
    said, talk = started.communicate(timeout=2 * TIMEOUT_SECONDS)
    assert started.returncode == code, (started.returncode, said, talk, service.tail())
    found: dict[str, Any] = json.loads(said)
    return found
