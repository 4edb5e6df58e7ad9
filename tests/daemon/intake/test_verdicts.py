"""Verdicts through the whole service: changes to real files, and what the catalog reports."""

import hashlib
import json
import os
import struct
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from catalog.journal import read
from catalog.verdict.case import VerdictKind
from tests.support.image_samples import saved, scene
from tests.support.running_service import RunningService
from tests.support.scrub_service import change, rot, scrub

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    yield made
    made.close()


def shot(seed: int, quality: int = 90) -> bytes:
    return saved(scene(320, 240, seed), "JPEG", quality=quality)


def commented(data: bytes) -> bytes:
    words = b"a comment that nobody sees"
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(words) + 2) + words + data[2:]


def turned(data: bytes) -> bytes:
    return saved(Image.open(BytesIO(data)).transpose(Image.Transpose.ROTATE_90), "JPEG")


def once(service: RunningService) -> None:
    done = service.once()
    assert done.returncode == 0, done.stderr


def run_catalog(service: RunningService, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    result = service.catalog(*arguments)
    assert result.returncode == code, (result.stdout, result.stderr)
    return result


def history(service: RunningService, name: str) -> list[str]:
    rows = service.rows(
        "SELECT h.verdict FROM history h JOIN file f ON f.id = h.file WHERE f.name = ? ORDER BY h.id", name.encode()
    )
    return [word for (word,) in rows]


def damage(service: RunningService, code: int = 1) -> dict[str, dict[str, Any]]:
    lines = service.json_lines("damage", code=code)
    return {os.path.basename(line["path"]): line for line in lines}


def test_each_change_gets_its_verdict(service: RunningService) -> None:
    whole = {f"{number}.jpg": shot(number) for number in range(10)}
    for name, data in whole.items():
        service.path(name).write_bytes(data)
    service.path("half.jpg").write_bytes(shot(20)[:3000])
    once(service)
    assert service.rows("SELECT DISTINCT verdict, evidence FROM history") == [("first", None)]

    flipped = bytearray(whole["1.jpg"])
    flipped[len(flipped) // 2] ^= 4
    changes = {
        "0.jpg": (whole["0.jpg"][:4000], VerdictKind.ROT_PERHAPS),
        "1.jpg": (bytes(flipped), VerdictKind.ROT_PERHAPS),
        "2.jpg": (whole["2.jpg"][:2048] + bytes(2048) + whole["2.jpg"][4096:], VerdictKind.ROT_PERHAPS),
        "3.jpg": (b"<html><body>404</body></html>", VerdictKind.ROT_PERHAPS),
        "4.jpg": (b"", VerdictKind.ROT_PERHAPS),
        "5.jpg": (commented(whole["5.jpg"]), VerdictKind.METADATA),
        "6.jpg": (turned(whole["6.jpg"]), VerdictKind.EDIT),
        "7.jpg": (shot(7, quality=70), VerdictKind.EDIT),
        "8.jpg": (shot(30), VerdictKind.REPLACED),
        "half.jpg": (shot(20), VerdictKind.COMPLETED),
    }
    for name, (data, _) in changes.items():
        service.path(name).write_bytes(data)
    once(service)
    assert {name: history(service, name) for name in changes} == {
        name: ["first", word] for name, (_, word) in changes.items()
    }
    assert history(service, "9.jpg") == ["first"]
    assert set(damage(service)) == {f"{number}.jpg" for number in range(5)}
    assert "only bit 2 of byte" in damage(service)["1.jpg"]["evidence"]
    assert service.tail(200).count('"event": "rot"') == 5
    assert service.rows("SELECT count(*) FROM event WHERE kind = 'rot'") == [(5,)]

    for name, data in whole.items():
        service.path(name).write_bytes(data)
    once(service)
    assert {history(service, name)[-1] for name in whole if name != "9.jpg"} == {VerdictKind.RESTORED}
    assert damage(service, code=0) == {}
    assert service.findings() == []


def test_an_image_overwritten_by_another_known_image_is_replaced(service: RunningService) -> None:
    for name, seed in {"a.jpg": 1, "b.jpg": 2, "c.jpg": 3}.items():
        service.path(name).write_bytes(shot(seed))
    service.path("like.jpg").write_bytes(shot(1, quality=70))
    once(service)
    for name, source in {"b.jpg": "c.jpg", "a.jpg": "like.jpg"}.items():
        service.path(name).write_bytes(service.path(source).read_bytes())
    once(service)
    assert history(service, "b.jpg") == ["first", "replaced"]
    assert history(service, "a.jpg") == ["first", "edit"]
    assert "cosine" in service.rows("SELECT evidence FROM history WHERE verdict = 'edit'")[0][0]


def test_damage_is_found_although_the_mtime_was_reset(service: RunningService) -> None:
    data = shot(1)
    service.path("a.jpg").write_bytes(data)
    once(service)
    before = service.path("a.jpg").stat()
    service.path("a.jpg").write_bytes(data[:3000] + bytes(4096) + data[7096:])
    os.utime(service.path("a.jpg"), ns=(before.st_atime_ns, before.st_mtime_ns))
    once(service)
    assert history(service, "a.jpg") == ["first", "rot?"]
    assert "mtime is as it was" in damage(service)["a.jpg"]["evidence"]


def test_rot_is_listed_with_its_intact_copies_until_it_is_accepted(service: RunningService) -> None:
    data = shot(1)
    for name in ("a.jpg", "copy.jpg", "other.jpg"):
        service.path(name).write_bytes(data if name != "other.jpg" else shot(2))
    os.link(service.path("a.jpg"), service.path("link.jpg"))  # another name of the same lost bytes, and no copy
    once(service)
    rot(service, "a.jpg", at=2000)
    scrub(service, code=1)
    once(service)
    found = damage(service)["a.jpg"]
    assert (found["verdict"], found["state"] in ("ok", "rejected")) == ("rot", True)
    assert [os.path.basename(copy) for copy in found["copies"]] == ["copy.jpg"]
    assert found["lost"] != found["sha256"]
    assert "size, mtime and ctime are as they were" in found["evidence"]
    assert json.loads(run_catalog(service, "status", "--json").stdout)["rot"] >= 1
    assert "catalog damage" in run_catalog(service, "status").stdout
    assert "  intact  " in run_catalog(service, "damage", code=1).stdout

    run_catalog(service, "accept", os.fspath(service.path("other.jpg")), code=2)
    run_catalog(
        service, "accept", *(found["path"], *(one["path"] for name, one in damage(service).items() if name != "a.jpg"))
    )
    assert damage(service, code=0) == {}
    assert history(service, "a.jpg") == ["first", "rot", "accepted"]
    assert {entry["kind"] for entry in read(service.state)} == {"accepted"}
    assert json.loads(run_catalog(service, "status", "--json").stdout)["rot"] == 0
    last = json.loads(run_catalog(service, "show", "-k", "0", "--json", found["path"]).stdout)["history"][-1]
    assert (last["verdict"], last["evidence"]) == ("accepted", "accepted by the owner")
    assert service.findings() == []


def test_further_rot_keeps_the_hash_of_the_content_lost_first(service: RunningService) -> None:
    data = shot(1)
    service.path("a.jpg").write_bytes(data)
    once(service)
    for size in (4000, 2000):
        service.path("a.jpg").write_bytes(data[:size])
        once(service)
    assert history(service, "a.jpg") == ["first", "rot?", "changed"]
    assert damage(service)["a.jpg"]["lost"] == hashlib.sha256(data).hexdigest()
    service.path("a.jpg").write_bytes(data)
    once(service)
    assert history(service, "a.jpg")[-1] == "restored"
    assert damage(service, code=0) == {}


def test_a_damaged_image_stays_damaged_when_its_metadata_changes(service: RunningService) -> None:
    data = saved(scene(320, 240, 1), "BMP")
    service.path("a.bmp").write_bytes(data)
    once(service)
    rot(service, "a.bmp", at=-5000)
    scrub(service, code=1)
    rotten = service.path("a.bmp").read_bytes()
    service.path("a.bmp").write_bytes(rotten + b"a trailer")
    once(service)
    assert history(service, "a.bmp") == ["first", "rot", "metadata only"]
    assert damage(service)["a.bmp"]["lost"] == hashlib.sha256(data).hexdigest()
    service.path("a.bmp").unlink()
    once(service)
    assert damage(service, code=0) == {}


def test_a_write_after_a_hash_mismatch_is_an_edit_and_not_rot(service: RunningService) -> None:
    """The scrub found other bytes, but the file was written before it was read again."""
    service.path("a.jpg").write_bytes(shot(1))
    once(service)
    change(service, "UPDATE file SET betrayed = 1, state = 'pending', due = 0")
    service.path("a.jpg").write_bytes(shot(1, quality=60))
    once(service)
    assert history(service, "a.jpg") == ["first", "edit"]
    assert service.rows("SELECT betrayed FROM file") == [(0,)]
