"""A service and a pass read files again that were rejected under lower limits or by older decoders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from catalog.integrity.repair import repair_catalog
from tests.support.running_service import Household, picture, until
from tests.support.scrub_service import change, path, states

pytestmark = pytest.mark.timeout(300)
LOW = "[intake]\nworkers = 1\nmax_megapixels = 0.5\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path, LOW)
    Image.new("L", (1000, 800), 77).save(path(made, "wide.png"))
    path(made, "text.txt").write_text("no picture")
    path(made, "a.png").write_bytes(picture(1))
    yield made
    made.close()


def setting(house: Household, old: str, new: str) -> None:
    text = house.config_path.read_text("utf-8")
    assert old in text
    house.config_path.write_text(text.replace(old, new), "utf-8")


def stamps(house: Household) -> dict[bytes, float]:
    """Return when each file was last read."""
    return dict(house.rows("SELECT name, last_verified FROM file"))


def test_a_pass_reads_a_file_again_once_its_limit_rose(house: Household) -> None:
    assert house.once().returncode == 0
    assert states(house)["wide.png"] == "rejected too many pixels"
    before = stamps(house)
    setting(house, "max_megapixels = 0.5", "max_megapixels = 0.6")
    assert house.once().returncode == 0
    assert states(house)["wide.png"] == "rejected too many pixels"
    setting(house, "max_megapixels = 0.6", "max_megapixels = 1")
    assert [finding.kind for finding in house.findings()] == ["limits"]
    assert house.once().returncode == 0
    assert states(house)["wide.png"] == "ok"
    after = stamps(house)
    assert {name for name in after if after[name] != before[name]} == {b"wide.png"}
    assert house.findings() == []


def test_a_lower_limit_rejects_nothing_and_reads_nothing(house: Household) -> None:
    setting(house, "max_megapixels = 0.5", "max_megapixels = 1")
    assert house.once().returncode == 0
    before = stamps(house)
    setting(house, "max_megapixels = 1", "max_megapixels = 0.1")
    assert house.findings() == []
    assert house.once().returncode == 0
    assert (states(house)["wide.png"], stamps(house)) == ("ok", before)


def test_other_decoders_read_rejected_files_again_once(house: Household) -> None:
    house.once()
    before = stamps(house)
    change(house, "UPDATE read_limits SET decoders = 'older'")
    house.once()
    after = stamps(house)
    assert {name for name in after if after[name] != before[name]} == {b"wide.png", b"text.txt"}
    house.once()
    assert stamps(house) == after


def test_check_fix_queues_what_the_next_pass_reads(house: Household) -> None:
    house.once()
    setting(house, "max_megapixels = 0.5", "max_megapixels = 1")
    (line,) = repair_catalog(house.config, house.findings())
    assert line.startswith("1 files will be read again")
    assert house.findings() == []
    assert states(house)["wide.png"] == "rejected too many pixels", "it has its reason until it is read"
    house.once()
    assert states(house)["wide.png"] == "ok"


def test_a_reload_applies_a_raised_limit_to_the_running_service(house: Household) -> None:
    import signal

    house.start()
    assert until(lambda: states(house).get("wide.png") == "rejected too many pixels"), house.tail()
    setting(house, "max_megapixels = 0.5", "max_megapixels = 1")
    house.signal(signal.SIGHUP)
    assert until(lambda: states(house)["wide.png"] == "ok"), house.tail()
    assert house.stop() == 0


def test_a_file_that_is_still_over_the_limit_is_tried_once_per_change(house: Household) -> None:
    house.once()
    setting(house, "max_megapixels = 0.5", "max_megapixels = 0.7")
    house.once()
    assert house.rows("SELECT attempts, due FROM file WHERE name = ?", b"wide.png") == [(2, None)]
    house.once()
    assert house.rows("SELECT attempts, due FROM file WHERE name = ?", b"wide.png") == [(2, None)]
