"""The scrub through the real service and the real command: its findings, side effects and messages."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.errors import StoreError
from catalog.store.database import Database
from daemon.api import operations
from daemon.scrub.queue import ScrubQueue
from daemon.scrub.stage import Scrubber
from daemon.writer import Writer
from models.decode.reason import VALIDATOR_VERSION
from tests.support.running_service import RunningService, picture
from tests.support.scrub_service import add_images, age, change, rot, scrub, states, verified
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

pytestmark = pytest.mark.timeout(300)
BY = {"by the service": True, "by one of its own": False}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., RunningService]]:
    """Build services with given settings; their processes are ended afterwards."""
    made: list[RunningService] = []

    def build(settings: str = "", roots: int = 1) -> RunningService:
        made.append(RunningService(tmp_path, "[intake]\nworkers = 1\n" + settings, roots))
        return made[-1]

    yield build
    for service in made:
        service.close()


@pytest.mark.parametrize("running", BY.values(), ids=BY)
def test_one_flipped_bit_in_an_otherwise_unchanged_file_is_found_and_nothing_else(
    make: Callable[..., RunningService], running: bool
) -> None:
    service = make()
    names = add_images(service, 12)
    rot(service, "07.png")
    before = verified(service)
    if running:
        service.start()
        assert wait_until(lambda: not service.busy())
        assert verified(service) == before, "nobody else would have noticed"
    found = scrub(service, code=1)
    assert (found["files"], found["sound"], found["different"]) == (12, 11, 1)
    assert [one["path"].rpartition("/")[2] for one in found["betrayed"]] == ["07.png"]
    assert (found["betrayed"][0]["state"], found["betrayed"][0]["verdict"]) == ("rejected", "rot")
    assert states(service) == dict.fromkeys(names, "ok") | {"07.png": "rejected bad checksum"}
    assert all(verified(service)[name] > before[name] for name in names)
    assert service.rows("SELECT betrayed FROM file WHERE betrayed != 0") == []
    histories = dict(service.rows("SELECT f.name, count(*) FROM history h JOIN file f ON f.id = h.file GROUP BY 1"))
    assert histories == {name.encode(): 1 for name in names} | {b"07.png": 2}
    if running:
        assert service.stop() == 0
    assert service.findings() == []
    assert scrub(service)["sound"] == 12, "what is known is not rot again"


def test_a_bit_that_no_decoder_sees_is_found_by_its_hash(make: Callable[..., RunningService]) -> None:
    """A text chunk may contain anything if its checksum fits; so may the pixels of a BMP."""
    service = make()
    service.path("a.bmp").write_bytes(picture(1, "BMP"))
    assert service.once().returncode == 0
    rot(service, "a.bmp")
    found = scrub(service, code=1)
    assert (found["different"], found["betrayed"][0]["state"]) == (1, "ok")
    assert found["betrayed"][0]["verdict"] == "rot"


def test_bytes_that_match_when_read_again_are_not_reported(make: Callable[..., RunningService]) -> None:
    """As after a bad cable: the catalog has another hash, and the file is unchanged."""
    service = make()
    add_images(service, 2)
    known = service.rows("SELECT sha256 FROM content WHERE id = (SELECT content FROM file WHERE name = ?)", b"01.png")
    service.start()
    assert wait_until(lambda: not service.busy())
    change(service, "UPDATE content SET sha256 = zeroblob(32) WHERE sha256 = ?", known[0][0])
    started = service.start_catalog("scrub", "--json")
    assert wait_until(lambda: b"betrayed" in service.log.read_bytes(), TIMEOUT_SECONDS), service.tail()
    said, _ = started.communicate(timeout=TIMEOUT_SECONDS)
    assert json.loads(said)["different"] == 1
    assert states(service) == {"00.png": "ok", "01.png": "ok"}


def test_files_are_read_oldest_first_until_the_budget_is_used_up(make: Callable[..., RunningService]) -> None:
    service = make()
    add_images(service, 8)
    ages = {"05.png": 80.0, "02.png": 70.0, "07.png": 60.0, "00.png": 50.0}
    age(service, ages)
    before = verified(service)
    sizes = [service.path(name).stat().st_size for name in ages]
    found = scrub(service, "--budget", f"{sum(sizes[:2])}B")
    assert (found["files"], found["bytes"]) == (2, sum(sizes[:2]))
    assert {name for name, when in verified(service).items() if when != before[name]} == {"05.png", "02.png"}
    found = scrub(service, "--budget", f"{sum(sizes[2:]) + 1}B")
    assert {name for name, when in verified(service).items() if when != before[name]} == ages.keys()
    assert found["verified"]["percent"] == 100.0


def test_two_requests_in_a_night_do_not_exceed_its_budget(make: Callable[..., RunningService]) -> None:
    service = make("[scrub]\nbudget_gb = 0.0000006\n")  # 600 bytes: two files
    add_images(service, 6)
    first, second = scrub(service), scrub(service)
    assert 0 < first["bytes"] <= 600
    assert (second["files"], second["before"]) == (0, first["bytes"])
    assert scrub(service, "--budget", "1MB")["files"] == 6
    started = service.start_catalog("scrub")
    assert "earlier scrubs; --budget SIZE reads more" in started.communicate(timeout=TIMEOUT_SECONDS)[1]


@pytest.mark.parametrize("running", BY.values(), ids=BY)
def test_a_file_that_changed_or_vanished_unnoticed_is_recorded_as_by_a_scan(
    make: Callable[..., RunningService], running: bool
) -> None:
    service = make()
    add_images(service, 5)
    if running:
        service.start()
        assert wait_until(lambda: not service.busy())
        service.signal(signal.SIGSTOP)  # so that the watcher cannot be first; what it would tell is told twice
    service.path("01.png").write_bytes(picture(77))
    service.path("02.png").unlink()
    service.path("03.png").unlink()
    service.path("03.png").mkdir()
    if running:
        service.signal(signal.SIGCONT)
        scrub(service)
        assert wait_until(lambda: not service.busy())
        assert wait_until(lambda: states(service)["01.png"] == "ok")
    else:
        found = scrub(service)
        assert (found["sound"], found["changed"], found["gone"], found["different"]) == (2, 2, 1, 0)
    assert states(service) == {"00.png": "ok", "01.png": "ok", "02.png": "gone", "03.png": "gone", "04.png": "ok"}
    if running:
        assert service.stop() == 0
    assert service.findings() == []


def test_damage_with_a_new_mtime_is_reported_too(make: Callable[..., RunningService]) -> None:
    service = make()
    names = add_images(service, 5)
    data = bytearray(service.path("03.png").read_bytes())
    data[-20] ^= 1
    service.path("03.png").write_bytes(data)
    found = scrub(service, code=1)
    assert (found["sound"], found["changed"], found["different"]) == (4, 1, 0)
    assert [(one["path"].rpartition("/")[2], one["verdict"]) for one in found["betrayed"]] == [("03.png", "rot?")]
    assert states(service) == dict.fromkeys(names, "ok") | {"03.png": "rejected bad checksum"}


def test_a_root_that_is_away_is_skipped_and_reported(make: Callable[..., RunningService]) -> None:
    service = make(roots=2)
    add_images(service, 2)
    other = Path(os.fsdecode(service.roots[1]), "other.png")
    other.write_bytes(picture(50))
    assert service.once().returncode == 0
    rows = service.rows("SELECT * FROM file WHERE name = ?", b"other.png")
    os.rename(service.roots[1], service.folder / "unplugged")
    found = scrub(service, code=4)
    assert (found["files"], found["gone"], found["unreadable"]) == (2, 0, 0)
    assert service.rows("SELECT * FROM file WHERE name = ?", b"other.png") == rows
    os.rename(service.folder / "unplugged", service.roots[1])
    assert scrub(service)["sound"] == 3


def test_contents_that_older_validators_passed_are_decoded_again(make: Callable[..., RunningService]) -> None:
    service = make()
    add_images(service, 3)
    change(service, "UPDATE content SET proof = 0, width = NULL WHERE id <= 2")
    vectors = service.vectors()
    assert scrub(service)["sound"] == 3
    assert service.rows("SELECT DISTINCT proof, width FROM content") == [(VALIDATOR_VERSION, 48)]
    assert (states(service), service.vectors()) == (dict.fromkeys(("00.png", "01.png", "02.png"), "ok"), vectors)
    assert service.rows("SELECT count(*) FROM history") == [(3,)]


def test_a_file_that_crashes_decoders_gets_its_hash(make: Callable[..., RunningService]) -> None:
    service = make()
    add_images(service, 2)
    change(service, "DELETE FROM history WHERE file = (SELECT id FROM file WHERE name = ?)", b"01.png")
    change(
        service,
        "UPDATE file SET state = 'rejected', reason = 'crashes the decoder', content = NULL, last_verified = NULL,"
        " due = 4e9 WHERE name = ?",
        b"01.png",
    )
    found = scrub(service)
    assert (found["sound"], found["verified"]["percent"], found["verified"]["never"]) == (2, 100.0, 0)
    assert states(service)["01.png"] == "rejected crashes the decoder"
    rot(service, "01.png")
    assert scrub(service, code=1)["different"] == 1


def test_a_reading_dated_in_the_future_is_repeated(make: Callable[..., RunningService]) -> None:
    service = make()
    add_images(service, 2)
    age(service, {"01.png": -3650.0})
    assert scrub(service)["sound"] == 2
    assert scrub(service)["verified"]["percent"] == 100.0


def test_ctrl_c_ends_the_scrub_and_not_the_service(make: Callable[..., RunningService]) -> None:
    service = make("[scrub]\nrate_mb = 0.000001\n")  # a byte a second
    add_images(service, 9)
    service.start()
    assert wait_until(lambda: not service.busy())
    started = service.start_catalog("scrub")
    assert wait_until(lambda: (service.live() or {})["scrub"]["run"] is not None)
    second = service.start_catalog("scrub")
    assert second.stderr is not None and "showing its progress" in second.stderr.readline()
    second.send_signal(signal.SIGINT)
    assert second.wait(TIMEOUT_SECONDS) == 130
    assert (service.live() or {})["scrub"]["run"] is not None, "it was the other's"
    started.send_signal(signal.SIGTERM)
    assert started.wait(TIMEOUT_SECONDS) == 130
    assert wait_until(lambda: (service.live() or {})["scrub"]["run"] is None)
    assert "verified" in started.communicate()[0]
    assert service.stop() == 0


def test_a_stop_does_not_wait_for_the_rate_limit_and_the_next_start_resumes(
    make: Callable[..., RunningService],
) -> None:
    service = make("[scrub]\nrate_mb = 0.000001\n")
    add_images(service, 9)
    before = verified(service)
    service.start()
    started = service.start_catalog("scrub", "--json")
    assert wait_until(lambda: (service.live() or {})["scrub"]["run"] is not None)
    assert service.stop() == 0
    config = service.config_path.read_text()
    service.config_path.write_text(config.replace("rate_mb = 0.000001", "rate_mb = 0"))
    service.start()
    said, talk = started.communicate(timeout=TIMEOUT_SECONDS)
    assert started.returncode == 0, talk
    assert json.loads(said)["sound"] == 9
    assert all(when > before[name] for name, when in verified(service).items())
    assert len(service.rows("SELECT id FROM event WHERE kind = 'scrubbed'")) == 1


def test_the_continuous_scrub_reads_everything_within_the_configured_days(make: Callable[..., RunningService]) -> None:
    service = make("[scrub]\ncontinuous = true\ndays = 0.00005\n")  # 4.3 s
    add_images(service, 9)
    before = verified(service)
    rot(service, "04.png")
    service.start()
    assert wait_until(lambda: all(when > before[name] for name, when in verified(service).items())), service.tail()
    assert wait_until(lambda: states(service)["04.png"] == "rejected bad checksum")
    assert len(service.rows("SELECT id FROM event WHERE kind = 'scrubbed'")) == 1
    assert service.stop() == 0
    assert service.findings() == []


def test_a_budget_without_its_unit_is_refused(make: Callable[..., RunningService]) -> None:
    service = make()
    add_images(service, 1)
    done = service.start_catalog("scrub", "--budget", "5")
    assert "write it like 500MB" in done.communicate(timeout=TIMEOUT_SECONDS)[1]
    assert done.returncode == 2


def test_a_full_pass_refuses_a_scrub(make: Callable[..., RunningService]) -> None:
    service = make()
    add_images(service, 1)
    idle = Scrubber(
        *(service.config, Writer(service.config.database), threading.Event(), lambda: False), once=True, budget=None
    )
    with pytest.raises(StoreError, match="another pass"):
        operations.control_scrub(idle, {"op": "scrub", "begin": True})


def test_a_scrub_that_cannot_start_reports_the_cause(make: Callable[..., RunningService]) -> None:
    service = make()
    add_images(service, 1)
    shutil.rmtree(service.folder / "bundle")
    started = service.start_catalog("scrub")
    said, talk = started.communicate(timeout=TIMEOUT_SECONDS)
    assert (started.returncode, said) == (4, ""), talk
    assert "bundle" in talk and "remedy:" in talk and "Traceback" not in talk


def test_status_reports_verification_and_warns_when_it_is_late(make: Callable[..., RunningService]) -> None:
    service = make("[scrub]\ndays = 30\n")
    add_images(service, 4)

    def status(*arguments: str) -> str:
        return service.start_catalog("status", *arguments).communicate(timeout=TIMEOUT_SECONDS)[0]

    age(service, {"01.png": 36.0})
    assert "verified     75 % within 30 days\n" in status(), "a scrub may be late by a week"
    age(service, {"01.png": 38.0})
    assert "the oldest reading is 38 days old" in status()
    assert "run `catalog scrub`" in status()
    done = scrub(service)
    assert "verified     100 % within 30 days\n" in status()
    found = json.loads(status("--json"))
    assert found["verified"] | {"oldest": 0} == done["verified"] | {"oldest": 0}
    assert (found["scrub"]["running"], found["scrub"]["bytes_today"]) == (False, done["bytes"])
    assert found["scrub"]["last_at"] == pytest.approx(done["ended"])


def test_the_bytes_of_a_round_are_counted_for_sparse_files_of_any_size(make: Callable[..., RunningService]) -> None:
    service = make()
    add_images(service, 2)
    change(service, "UPDATE file SET size = ?", (1 << 63) - 1)
    database = Database(service.config.database, write=False)
    assert ScrubQueue(database, time.time() + 1).total_bytes() == pytest.approx(1 << 64)
    database.close()
