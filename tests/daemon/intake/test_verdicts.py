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
from tests.support.running_service import Household
from tests.support.scrub_service import catalog, change, path, rot, scrub

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    yield made
    made.close()


def shot(seed: int, quality: int = 90) -> bytes:
    return saved(scene(320, 240, seed), "JPEG", quality=quality)


def commented(data: bytes) -> bytes:
    words = b"a comment that nobody sees"
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(words) + 2) + words + data[2:]


def turned(data: bytes) -> bytes:
    return saved(Image.open(BytesIO(data)).transpose(Image.Transpose.ROTATE_90), "JPEG")


def once(house: Household) -> None:
    done = house.once()
    assert done.returncode == 0, done.stderr


def ask(house: Household, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    process = catalog(house, *words)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, (out, err)
    return subprocess.CompletedProcess(words, code, out, err)


def history(house: Household, name: str) -> list[str]:
    rows = house.rows(
        "SELECT h.verdict FROM history h JOIN file f ON f.id = h.file WHERE f.name = ? ORDER BY h.id", name.encode()
    )
    return [word for (word,) in rows]


def damage(house: Household, code: int = 1) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in ask(house, "damage", "--json", code=code).stdout.splitlines()]
    return {os.path.basename(line["path"]): line for line in lines}


def test_each_change_gets_its_verdict(house: Household) -> None:
    whole = {f"{number}.jpg": shot(number) for number in range(10)}
    for name, data in whole.items():
        path(house, name).write_bytes(data)
    path(house, "half.jpg").write_bytes(shot(20)[:3000])
    once(house)
    assert house.rows("SELECT DISTINCT verdict, evidence FROM history") == [("first", None)]

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
        path(house, name).write_bytes(data)
    once(house)
    assert {name: history(house, name) for name in changes} == {
        name: ["first", word] for name, (_, word) in changes.items()
    }
    assert history(house, "9.jpg") == ["first"]
    assert set(damage(house)) == {f"{number}.jpg" for number in range(5)}
    assert "only bit 2 of byte" in damage(house)["1.jpg"]["evidence"]
    assert house.tail(200).count('"event": "rot"') == 5
    assert house.rows("SELECT count(*) FROM event WHERE kind = 'rot'") == [(5,)]

    for name, data in whole.items():
        path(house, name).write_bytes(data)
    once(house)
    assert {history(house, name)[-1] for name in whole if name != "9.jpg"} == {VerdictKind.RESTORED}
    assert damage(house, code=0) == {}
    assert house.findings() == []


def test_an_image_overwritten_by_another_known_image_is_replaced(house: Household) -> None:
    for name, seed in {"a.jpg": 1, "b.jpg": 2, "c.jpg": 3}.items():
        path(house, name).write_bytes(shot(seed))
    path(house, "like.jpg").write_bytes(shot(1, quality=70))
    once(house)
    for name, source in {"b.jpg": "c.jpg", "a.jpg": "like.jpg"}.items():
        path(house, name).write_bytes(path(house, source).read_bytes())
    once(house)
    assert history(house, "b.jpg") == ["first", "replaced"]
    assert history(house, "a.jpg") == ["first", "edit"]
    assert "cosine" in house.rows("SELECT evidence FROM history WHERE verdict = 'edit'")[0][0]


def test_damage_is_found_although_the_mtime_was_reset(house: Household) -> None:
    data = shot(1)
    path(house, "a.jpg").write_bytes(data)
    once(house)
    before = path(house, "a.jpg").stat()
    path(house, "a.jpg").write_bytes(data[:3000] + bytes(4096) + data[7096:])
    os.utime(path(house, "a.jpg"), ns=(before.st_atime_ns, before.st_mtime_ns))
    once(house)
    assert history(house, "a.jpg") == ["first", "rot?"]
    assert "mtime is as it was" in damage(house)["a.jpg"]["evidence"]


def test_rot_is_listed_with_its_intact_copies_until_it_is_accepted(house: Household) -> None:
    data = shot(1)
    for name in ("a.jpg", "copy.jpg", "other.jpg"):
        path(house, name).write_bytes(data if name != "other.jpg" else shot(2))
    os.link(path(house, "a.jpg"), path(house, "link.jpg"))  # another name of the same lost bytes, and no copy
    once(house)
    rot(house, "a.jpg", at=2000)
    scrub(house, code=1)
    once(house)
    found = damage(house)["a.jpg"]
    assert (found["verdict"], found["state"] in ("ok", "rejected")) == ("rot", True)
    assert [os.path.basename(copy) for copy in found["copies"]] == ["copy.jpg"]
    assert found["lost"] != found["sha256"]
    assert "size, mtime and ctime are as they were" in found["evidence"]
    assert json.loads(ask(house, "status", "--json").stdout)["rot"] >= 1
    assert "catalog damage" in ask(house, "status").stdout
    assert "  intact  " in ask(house, "damage", code=1).stdout

    ask(house, "accept", os.fspath(path(house, "other.jpg")), code=2)
    ask(house, "accept", *(found["path"], *(one["path"] for name, one in damage(house).items() if name != "a.jpg")))
    assert damage(house, code=0) == {}
    assert history(house, "a.jpg") == ["first", "rot", "accepted"]
    assert {entry["kind"] for entry in read(house.state)} == {"accepted"}
    assert json.loads(ask(house, "status", "--json").stdout)["rot"] == 0
    last = json.loads(ask(house, "show", "-k", "0", "--json", found["path"]).stdout)["history"][-1]
    assert (last["verdict"], last["evidence"]) == ("accepted", "accepted by the owner")
    assert house.findings() == []


def test_further_rot_keeps_the_hash_of_the_content_lost_first(house: Household) -> None:
    data = shot(1)
    path(house, "a.jpg").write_bytes(data)
    once(house)
    for size in (4000, 2000):
        path(house, "a.jpg").write_bytes(data[:size])
        once(house)
    assert history(house, "a.jpg") == ["first", "rot?", "changed"]
    assert damage(house)["a.jpg"]["lost"] == hashlib.sha256(data).hexdigest()
    path(house, "a.jpg").write_bytes(data)
    once(house)
    assert history(house, "a.jpg")[-1] == "restored"
    assert damage(house, code=0) == {}


def test_a_damaged_image_stays_damaged_when_its_metadata_changes(house: Household) -> None:
    data = saved(scene(320, 240, 1), "BMP")
    path(house, "a.bmp").write_bytes(data)
    once(house)
    rot(house, "a.bmp", at=-5000)
    scrub(house, code=1)
    rotten = path(house, "a.bmp").read_bytes()
    path(house, "a.bmp").write_bytes(rotten + b"a trailer")
    once(house)
    assert history(house, "a.bmp") == ["first", "rot", "metadata only"]
    assert damage(house)["a.bmp"]["lost"] == hashlib.sha256(data).hexdigest()
    path(house, "a.bmp").unlink()
    once(house)
    assert damage(house, code=0) == {}


def test_a_write_after_a_hash_mismatch_is_an_edit_and_not_rot(house: Household) -> None:
    """The scrub found other bytes, but the file was written before it was read again."""
    path(house, "a.jpg").write_bytes(shot(1))
    once(house)
    change(house, "UPDATE file SET betrayed = 1, state = 'pending', due = 0")
    path(house, "a.jpg").write_bytes(shot(1, quality=60))
    once(house)
    assert history(house, "a.jpg") == ["first", "edit"]
    assert house.rows("SELECT betrayed FROM file") == [(0,)]
