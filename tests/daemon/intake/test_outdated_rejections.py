"""A service and a pass read files again that were rejected under lower limits or by older decoders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from catalog.integrity.repair import repair_catalog
from tests.support.running_service import RunningService, picture
from tests.support.scrub_service import change, states
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)
LOW = "[intake]\nworkers = 1\nmax_megapixels = 0.5\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path, LOW)
    Image.new("L", (1000, 800), 77).save(made.path("wide.png"))
    made.path("text.txt").write_text("no picture")
    made.path("a.png").write_bytes(picture(1))
    yield made
    made.close()


def setting(service: RunningService, old: str, new: str) -> None:
    text = service.config_path.read_text("utf-8")
    assert old in text
    service.config_path.write_text(text.replace(old, new), "utf-8")


def stamps(service: RunningService) -> dict[bytes, float]:
    """Return when each file was last read."""
    return dict(service.rows("SELECT name, last_verified FROM file"))


def test_a_pass_reads_a_file_again_once_its_limit_rose(service: RunningService) -> None:
    assert service.once().returncode == 0
    assert states(service)["wide.png"] == "rejected too many pixels"
    before = stamps(service)
    setting(service, "max_megapixels = 0.5", "max_megapixels = 0.6")
    assert service.once().returncode == 0
    assert states(service)["wide.png"] == "rejected too many pixels"
    setting(service, "max_megapixels = 0.6", "max_megapixels = 1")
    assert [finding.kind for finding in service.findings()] == ["limits"]
    assert service.once().returncode == 0
    assert states(service)["wide.png"] == "ok"
    after = stamps(service)
    assert {name for name in after if after[name] != before[name]} == {b"wide.png"}
    assert service.findings() == []


def test_a_lower_limit_rejects_nothing_and_reads_nothing(service: RunningService) -> None:
    setting(service, "max_megapixels = 0.5", "max_megapixels = 1")
    assert service.once().returncode == 0
    before = stamps(service)
    setting(service, "max_megapixels = 1", "max_megapixels = 0.1")
    assert service.findings() == []
    assert service.once().returncode == 0
    assert (states(service)["wide.png"], stamps(service)) == ("ok", before)


def test_other_decoders_read_rejected_files_again_once(service: RunningService) -> None:
    service.once()
    before = stamps(service)
    change(service, "UPDATE read_limits SET decoders = 'older'")
    service.once()
    after = stamps(service)
    assert {name for name in after if after[name] != before[name]} == {b"wide.png", b"text.txt"}
    service.once()
    assert stamps(service) == after


def test_check_fix_queues_what_the_next_pass_reads(service: RunningService) -> None:
    service.once()
    setting(service, "max_megapixels = 0.5", "max_megapixels = 1")
    (line,) = repair_catalog(service.config, service.findings())
    assert line.startswith("1 files will be read again")
    assert service.findings() == []
    assert states(service)["wide.png"] == "rejected too many pixels", "it has its reason until it is read"
    service.once()
    assert states(service)["wide.png"] == "ok"


def test_a_reload_applies_a_raised_limit_to_the_running_service(service: RunningService) -> None:
    import signal

    service.start()
    assert wait_until(lambda: states(service).get("wide.png") == "rejected too many pixels"), service.tail()
    setting(service, "max_megapixels = 0.5", "max_megapixels = 1")
    service.signal(signal.SIGHUP)
    assert wait_until(lambda: states(service)["wide.png"] == "ok"), service.tail()
    assert service.stop() == 0


def test_a_file_that_is_still_over_the_limit_is_tried_once_per_change(service: RunningService) -> None:
    service.once()
    setting(service, "max_megapixels = 0.5", "max_megapixels = 0.7")
    service.once()
    assert service.rows("SELECT attempts, due FROM file WHERE name = ?", b"wide.png") == [(2, None)]
    service.once()
    assert service.rows("SELECT attempts, due FROM file WHERE name = ?", b"wide.png") == [(2, None)]
