"""Choices that were made elsewhere: folders that are deleted afterwards, ImageFolder trees, XMP of three programs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.models.test_xmp import darktable, digikam, lightroom
from tests.support.running_service import Household, picture, until

Done = subprocess.CompletedProcess[bytes]


def catalog(house: Household, *words: str | bytes | Path, **environment: str) -> Done:
    command = [str(Path(sys.executable).with_name("catalog")), "--config", str(house.config_path), *words]
    return subprocess.run(command, capture_output=True, timeout=300, env=os.environ | environment)


def told(house: Household, *words: str | bytes | Path) -> dict[str, Any]:
    done = catalog(house, "label", "import", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def labels(house: Household) -> dict[bytes, tuple[str, str, list[str]]]:
    lines = map(json.loads, catalog(house, "label", "list", "--json").stdout.splitlines())
    return {os.fsencode(one["path"]): (one["label"], one["source"], one["paths"]) for one in lines}


def fill(folder: bytes | Path, contents: dict[bytes, bytes]) -> None:
    for name, data in contents.items():
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    fill(made.root, {b"here.png": picture(1), b"there.png": picture(2)})
    assert made.once().returncode == 0
    yield made
    made.close()


def vectors(house: Household) -> dict[bytes, tuple[int, int]]:
    """By sha256: is it live, and how many files hold its content."""
    asked = "SELECT c.sha256, v.live, c.refs FROM vector v JOIN content c ON c.id = v.content"
    return {row[0]: (row[1], row[2]) for row in house.rows(asked)}


def test_labels_of_folders_outlive_the_folders(house: Household, tmp_path: Path) -> None:
    kept = {b"a\xff\n.png": picture(10), b"deep/b.jpg": picture(11, "JPEG"), b"copy of here.png": picture(1)}
    gone = {b"c.png": picture(12), b"cut.png": picture(13)[:90], b"note.txt": b"dear diary", b"empty.jpg": b""}
    fill(tmp_path / "good", kept)
    fill(tmp_path / "junk", gone)
    os.symlink(tmp_path / "good", tmp_path / "junk" / "link")
    found = told(house, "--keep", tmp_path / "good", "--delete", tmp_path / "junk")
    assert found["labelled"] == {"keep": 3, "delete": 1}
    refused = {os.path.basename(one["path"]): one["reason"] for one in found["refused"]}
    assert sorted(refused) == ["cut.png", "empty.jpg", "note.txt"]
    assert refused["empty.jpg"] == "empty"
    shutil.rmtree(tmp_path / "good")
    shutil.rmtree(tmp_path / "junk")
    assert labels(house) == {
        os.path.join(house.root, b"here.png"): ("keep", "folder", [os.fsdecode(house.root) + "/here.png"]),
        os.fsencode(tmp_path) + b"/good/a\xff\n.png": ("keep", "folder", []),
        os.fsencode(tmp_path) + b"/good/deep/b.jpg": ("keep", "folder", []),
        os.fsencode(tmp_path) + b"/junk/c.png": ("delete", "folder", []),
    }
    held = vectors(house)
    foreign = [hashlib.sha256(data).digest() for data in (kept[b"a\xff\n.png"], kept[b"deep/b.jpg"], gone[b"c.png"])]
    assert [held[sha256] for sha256 in foreign] == [(0, 0)] * 3
    assert house.findings() == []
    assert house.once().returncode == 0  # the index, and whatever else follows the change log
    assert house.findings() == []
    assert len(labels(house)) == 4


def test_a_vector_without_a_file_turns_live_when_a_file_comes(house: Household, tmp_path: Path) -> None:
    fill(tmp_path / "junk", {b"x.png": picture(20)})
    house.start()  # the service looks on while the import writes
    assert told(house, "--delete", tmp_path / "junk")["labelled"]["delete"] == 1
    sha256 = hashlib.sha256(picture(20)).digest()
    before = house.vectors()[sha256]
    fill(house.root, {b"arrived.png": picture(20)})
    assert until(lambda: vectors(house)[sha256] == (1, 1)), house.tail()
    assert house.vectors()[sha256] == before  # recomputed nothing
    assert until(lambda: not house.busy()), house.busy()
    near = json.loads(
        catalog(house, "similar", "-k", "1", "--json", tmp_path / "junk" / "x.png").stdout.splitlines()[0]
    )
    assert near["path"].endswith("arrived.png")
    assert house.stop() == 0
    assert house.findings() == []


def test_a_second_import_changes_nothing_and_the_owner_is_not_overruled(house: Household, tmp_path: Path) -> None:
    fill(tmp_path / "good", {b"1.png": picture(1), b"30.png": picture(30)})
    fill(tmp_path / "junk", {b"2.png": picture(2), b"31.png": picture(31)})
    assert catalog(house, "label", "delete", house.root + b"/here.png").returncode == 0
    call: tuple[str | Path, ...] = ("--keep", tmp_path / "good", "--delete", tmp_path / "junk")
    first = told(house, *call)
    assert first["labelled"] == {"keep": 1, "delete": 2}
    (conflict,) = first["conflicts"]
    assert (conflict["label"], conflict["import"], Path(conflict["path"]).name) == ("delete", "keep", "1.png")
    journal, held = (house.state / "journal.jsonl").read_bytes(), house.vectors()
    again = told(house, *call)
    assert (again["labelled"], again["unchanged"]) == ({"keep": 0, "delete": 0}, 3)
    assert ((house.state / "journal.jsonl").read_bytes(), house.vectors()) == (journal, held)
    assert told(house, *call, "--overwrite")["labelled"] == {"keep": 1, "delete": 0}
    fill(tmp_path / "junk", {b"30 again.png": picture(30)})
    assert [Path(one["delete"]).name for one in told(house, *call)["contradictory"]] == ["30 again.png"]


def test_classes_are_understood_or_named(house: Household, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    fill(tree, {b"good/a.png": picture(40), b"bad/x/b.png": picture(41), b".DS_Store/c.png": picture(42)})
    assert told(house, "--classes", tree)["labelled"] == {"keep": 1, "delete": 1}
    fill(tree, {b"m\xc3\xbcll/d.png": picture(43)})
    done = catalog(house, "label", "import", "--classes", tree)
    assert done.returncode == 2 and "unknown meaning: müll".encode() in done.stderr
    done = catalog(house, "label", "import", "--classes", tree, "--map", "good=keep,bad=delete")
    assert done.returncode == 2 and "müll".encode() in done.stderr
    assert told(house, "--classes", tree, "--map", "good=keep,bad=delete,müll=delete")["labelled"]["delete"] == 1
    assert catalog(house, "label", "import", "--classes", tree, "--map", "good=perhaps").returncode == 2
    assert catalog(house, "label", "import", "--classes", tmp_path / "none").returncode == 4


def test_a_reader_that_dies_or_hangs_costs_one_file(house: Household, tmp_path: Path) -> None:
    """Readers that are made to kill themselves, or to sleep, at pictures of one size each."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys, time\n"
        "class Hook:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'models.picture':\n"
        "            import models.decode.pillow_plugins, models.decode.formats as formats\n"
        "            real = formats.identify_format\n"
        "            def identify_format(data):\n"
        "                if len(data) == 77: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "                if len(data) == 78: time.sleep(3600)\n"
        "                return real(data)\n"
        "            formats.identify_format = identify_format\n"
        "sys.meta_path.insert(0, Hook())\n"
    )
    config = house.config_path.read_text().replace("[intake]", "[intake]\nseconds = 4")
    house.config_path.write_text(config)
    good = {f"{number:02}.png".encode(): picture(50 + number) for number in range(12)}
    fill(tmp_path / "keep", good | {b"05 kills.png": b"k" * 77, b"07 hangs.png": b"h" * 78})
    done = catalog(house, "label", "import", "--json", "--keep", tmp_path / "keep", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    refused = {Path(one["path"]).name: one["reason"].split(":")[0] for one in found["refused"]}
    assert refused == {"05 kills.png": "crashes the decoder", "07 hangs.png": "takes too long"}
    assert found["labelled"]["keep"] == 12


def embedded(seed: int, xml: bytes, format: str) -> bytes:
    buffer = BytesIO()
    Image.open(BytesIO(picture(seed))).save(buffer, format, xmp=xml)
    return buffer.getvalue()


def test_xmp_of_three_programs(house: Household) -> None:
    hostile = b'<!DOCTYPE x [<!ENTITY a "haha">]><x>&a;</x>'
    fill(
        house.root,
        {
            b"lr1.jpg": embedded(60, lightroom(-1), "JPEG"),
            b"lr5.webp": embedded(61, lightroom(5), "WEBP"),
            b"lr3.jpg": embedded(62, lightroom(3), "JPEG"),
            b"dt\xff.png": picture(63),
            b"dt\xff.png.xmp": darktable(-1),
            b"dk.png": picture(64),
            b"dk.xmp": digikam(3, 2),
            b"dk no.png": picture(65),
            b"dk no.XMP": digikam(1, 5),
            b"pair.png": picture(66),
            b"pair.xmp": lightroom(-1, "CR2"),
            b"later.jpg": embedded(67, lightroom(-1), "JPEG"),
            b"later.jpg.xmp": lightroom(4),
            b"hostile.png": picture(68),
            b"hostile.png.xmp": hostile,
            b"sub/two.jpg": embedded(69, lightroom(2), "JPEG"),
        },
    )
    assert house.once().returncode == 0
    found = told(house, "--xmp")
    named = {os.path.relpath(path, house.root): one for path, one in labels(house).items()}
    assert {name: one[:2] for name, one in named.items()} == {
        b"lr1.jpg": ("delete", "xmp"),
        b"lr5.webp": ("keep", "xmp"),
        b"dt\xff.png": ("delete", "xmp"),
        b"dk.png": ("keep", "xmp"),
        b"dk no.png": ("delete", "xmp"),
        b"later.jpg": ("keep", "xmp"),
    }
    assert found["seen"] == {"2 stars": 1, "3 stars": 1, "4 stars": 1, "5 stars": 1, "accepted": 1, "rejected": 3}
    (refused,) = found["refused"]
    assert refused["path"].endswith("hostile.png.xmp") and "DOCTYPE" in refused["reason"]
    assert told(house, "--xmp")["unchanged"] == 6
    below = told(house, "--xmp", house.root + b"/sub", "--delete-at-most", "2")
    assert (below["files"], below["labelled"]) == (1, {"keep": 0, "delete": 1})
    assert told(house, "--xmp", "--keep-at-least", "3")["labelled"] == {"keep": 1, "delete": 0}
    assert catalog(house, "label", "import", "--xmp", "/nowhere").returncode == 2
    assert catalog(house, "label", "import", "--xmp", "--delete-at-most", "4").returncode == 2


@pytest.mark.parametrize("words", [(), ("--xmp", "--keep", "/"), ("a", "b"), ("--keep", "/r", "--delete", "/r")])
def test_one_kind_of_source_at_a_time(house: Household, words: tuple[str, ...]) -> None:
    assert catalog(house, "label", "import", *words).returncode == 2
