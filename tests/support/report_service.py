"""A small catalog with content for every section of the report."""

import os
import time

import numpy as np

from catalog.context import CatalogContext
from catalog.report.archive import choose_baseline, read_reports
from catalog.report.build import Report, build_report
from catalog.report.elements import Baseline
from catalog.store.database import Database
from tests.support.running_service import RunningService, picture

COUNT = 24
EVIL = b"<script>alert(1)<b>&\"'\n\xff.png"  # a slash would end the name
NO_BASELINE = Baseline(0.0)


def shot(seed: int, bad: bool) -> bytes:
    """Return a noisy image, reddish if it is one to delete, which the tiny model sees in its mean colours."""
    from io import BytesIO

    from PIL import Image

    rng = np.random.default_rng(seed)
    grid = rng.integers(60, 200, (8, 8, 3))
    grid[:, :, 0 if bad else 2] = np.minimum(255, grid[:, :, 0 if bad else 2] + 50)
    buffer = BytesIO()
    Image.fromarray(grid.astype(np.uint8)).resize((48, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def add_images(service: RunningService) -> None:
    """Add images of two kinds, a copy, a damaged one and one with a hostile name, and make a pass over them."""
    for number in range(COUNT):
        kind = "b" if number % 2 else "a"
        service.path(f"{kind}{number:03}.png").write_bytes(shot(number, bad=kind == "b"))
    service.path("copy.png").write_bytes(shot(0, bad=False))
    service.path(EVIL).write_bytes(picture(999))
    service.path("cut.jpg").write_bytes(picture(7, "JPEG")[:-200])
    assert service.once().returncode == 0, service.tail()


def label_and_train(service: RunningService) -> None:
    """Label images and train a head; the file with the hostile name is labelled delete."""
    for label, kind in (("keep", "a"), ("delete", "b")):
        named = [*map(str, sorted(service.path().glob(f"{kind}*.png"))[:11])]
        if label == "delete":
            named.append(os.fsdecode(service.root + b"/" + EVIL))
        assert service.invoke("label", label, *named).exit_code == 0
    assert service.invoke("train", "--force").exit_code == 0


def flip_byte(service: RunningService, name: str | bytes) -> None:
    """Flip a byte, keep size and mtime, and let a scrub find it."""
    path = service.path(name)
    before, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    service.invoke("scrub")
    service.once()


def open_catalog(service: RunningService) -> CatalogContext:
    """Open the catalog."""
    return CatalogContext(service.config)


def current_report(service: RunningService, now: float | None = None) -> Report:
    """Build a report, compared with the stored ones."""
    at = time.time() if now is None else now
    return build_report(open_catalog(service), at, choose_baseline(read_reports(service.state), at))


def write(service: RunningService, sql: str, *values: object) -> None:
    """Change the catalog without the service."""
    database = Database(service.config.database, write=True)
    try:
        with database.transaction():
            database.run(sql, *values)
    finally:
        database.close()
