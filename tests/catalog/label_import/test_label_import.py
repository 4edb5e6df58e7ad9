"""Tests of label imports: folders that are deleted afterwards, ImageFolder trees, and XMP of three programs."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.models.test_xmp import darktable, digikam, lightroom
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

Result = subprocess.CompletedProcess[bytes]


def import_labels(service: RunningService, *arguments: str | bytes | Path) -> dict[str, Any]:
    result = service.catalog("label", "import", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    record: dict[str, Any] = json.loads(result.stdout)
    return record


def labels(service: RunningService) -> dict[bytes, tuple[str, str, list[str]]]:
    lines = map(json.loads, service.catalog("label", "list", "--json").stdout.splitlines())
    return {os.fsencode(label["path"]): (label["label"], label["source"], label["paths"]) for label in lines}


def fill(folder: bytes | Path, contents: dict[bytes, bytes]) -> None:
    for name, data in contents.items():
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    service = RunningService(tmp_path)
    fill(service.root, {b"here.png": picture(1), b"there.png": picture(2)})
    assert service.once().returncode == 0
    yield service
    service.close()


def vectors(service: RunningService) -> dict[bytes, tuple[int, int]]:
    """Return, by sha256, whether the vector is live and how many files hold its content."""
    query = "SELECT c.sha256, v.live, c.refs FROM vector v JOIN content c ON c.id = v.content"
    return {sha256: (live, refs) for sha256, live, refs in service.rows(query)}


@pytest.mark.slow
def test_labels_survive_the_deletion_of_their_folders(service: RunningService, tmp_path: Path) -> None:
    keep = {b"a\xff\n.png": picture(10), b"deep/b.jpg": picture(11, "JPEG"), b"copy of here.png": picture(1)}
    delete = {b"c.png": picture(12), b"cut.png": picture(13)[:90], b"note.txt": b"dear diary", b"empty.jpg": b""}
    fill(tmp_path / "good", keep)
    fill(tmp_path / "junk", delete)
    os.symlink(tmp_path / "good", tmp_path / "junk" / "link")
    found = import_labels(service, "--keep", tmp_path / "good", "--delete", tmp_path / "junk")
    assert found["labelled"] == {"keep": 3, "delete": 1}
    refused = {os.path.basename(file["path"]): file["reason"] for file in found["refused"]}
    assert sorted(refused) == ["cut.png", "empty.jpg", "note.txt"]
    assert refused["empty.jpg"] == "empty"
    shutil.rmtree(tmp_path / "good")
    shutil.rmtree(tmp_path / "junk")
    assert labels(service) == {
        os.path.join(service.root, b"here.png"): ("keep", "folder", [os.fsdecode(service.root) + "/here.png"]),
        os.fsencode(tmp_path) + b"/good/a\xff\n.png": ("keep", "folder", []),
        os.fsencode(tmp_path) + b"/good/deep/b.jpg": ("keep", "folder", []),
        os.fsencode(tmp_path) + b"/junk/c.png": ("delete", "folder", []),
    }
    stored = vectors(service)
    without_files = [
        hashlib.sha256(data).digest() for data in (keep[b"a\xff\n.png"], keep[b"deep/b.jpg"], delete[b"c.png"])
    ]
    assert [stored[sha256] for sha256 in without_files] == [(0, 0)] * 3
    assert service.findings() == []
    assert service.once().returncode == 0  # the index and everything else that follows the change log
    assert service.findings() == []
    assert len(labels(service)) == 4


def test_a_vector_without_a_file_becomes_live_when_a_file_appears(service: RunningService, tmp_path: Path) -> None:
    fill(tmp_path / "junk", {b"x.png": picture(20)})
    service.start()  # the service runs while the import writes
    assert import_labels(service, "--delete", tmp_path / "junk")["labelled"]["delete"] == 1
    sha256 = hashlib.sha256(picture(20)).digest()
    before = service.vectors()[sha256]
    fill(service.root, {b"arrived.png": picture(20)})
    assert wait_until(lambda: vectors(service)[sha256] == (1, 1)), service.tail()
    assert service.vectors()[sha256] == before  # it was not computed again
    assert wait_until(lambda: not service.busy()), service.busy()
    near = json.loads(
        service.catalog("similar", "-k", "1", "--json", tmp_path / "junk" / "x.png").stdout.splitlines()[0]
    )
    assert near["path"].endswith("arrived.png")
    assert service.stop() == 0
    assert service.findings() == []


def test_a_second_import_changes_nothing_and_owner_labels_are_kept(service: RunningService, tmp_path: Path) -> None:
    fill(tmp_path / "good", {b"1.png": picture(1), b"30.png": picture(30)})
    fill(tmp_path / "junk", {b"2.png": picture(2), b"31.png": picture(31)})
    assert service.catalog("label", "delete", service.root + b"/here.png").returncode == 0
    arguments: tuple[str | Path, ...] = ("--keep", tmp_path / "good", "--delete", tmp_path / "junk")
    first = import_labels(service, *arguments)
    assert first["labelled"] == {"keep": 1, "delete": 2}
    (conflict,) = first["conflicts"]
    assert (conflict["label"], conflict["import"], Path(conflict["path"]).name) == ("delete", "keep", "1.png")
    journal, stored = (service.state / "journal.jsonl").read_bytes(), service.vectors()
    again = import_labels(service, *arguments)
    assert (again["labelled"], again["unchanged"]) == ({"keep": 0, "delete": 0}, 3)
    assert ((service.state / "journal.jsonl").read_bytes(), service.vectors()) == (journal, stored)
    assert import_labels(service, *arguments, "--overwrite")["labelled"] == {"keep": 1, "delete": 0}
    fill(tmp_path / "junk", {b"30 again.png": picture(30)})
    (contradiction,) = import_labels(service, *arguments)["contradictory"]
    assert Path(contradiction["delete"]).name == "30 again.png"


def test_unknown_classes_are_named(service: RunningService, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    fill(tree, {b"good/a.png": picture(40), b"bad/x/b.png": picture(41), b".DS_Store/c.png": picture(42)})
    assert import_labels(service, "--classes", tree)["labelled"] == {"keep": 1, "delete": 1}
    fill(tree, {b"m\xc3\xbcll/d.png": picture(43)})
    result = service.catalog("label", "import", "--classes", tree)
    assert result.returncode == 2 and "unknown meaning: müll" in result.stderr
    result = service.catalog("label", "import", "--classes", tree, "--map", "good=keep,bad=delete")
    assert result.returncode == 2 and "müll" in result.stderr
    assert (
        import_labels(service, "--classes", tree, "--map", "good=keep,bad=delete,müll=delete")["labelled"]["delete"]
        == 1
    )
    assert service.catalog("label", "import", "--classes", tree, "--map", "good=perhaps").returncode == 2
    assert service.catalog("label", "import", "--classes", tmp_path / "none").returncode == 4


def test_a_worker_that_crashes_or_hangs_costs_one_file(service: RunningService, tmp_path: Path) -> None:
    """Workers are made to kill themselves, or to sleep, at files of a certain size."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys, time\n"
        "class Hook:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'models.picture':\n"
        "            import models.decode.pillow_plugins, models.decode.formats as formats\n"
        "            original = formats.identify_format\n"
        "            def identify_format(data):\n"
        "                if len(data) == 77: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "                if len(data) == 78: time.sleep(3600)\n"
        "                return original(data)\n"
        "            formats.identify_format = identify_format\n"
        "sys.meta_path.insert(0, Hook())\n"
    )
    config = service.config_path.read_text().replace("[intake]", "[intake]\nseconds = 4")
    service.config_path.write_text(config)
    good = {f"{number:02}.png".encode(): picture(50 + number) for number in range(12)}
    fill(tmp_path / "keep", good | {b"05 kills.png": b"k" * 77, b"07 hangs.png": b"h" * 78})
    result = service.catalog("label", "import", "--json", "--keep", tmp_path / "keep", PYTHONPATH=str(tmp_path))
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    refused = {Path(file["path"]).name: file["reason"].partition(":")[0] for file in found["refused"]}
    assert refused == {"05 kills.png": "crashes the decoder", "07 hangs.png": "takes too long"}
    assert found["labelled"]["keep"] == 12


def embedded(seed: int, xml: bytes, format: str) -> bytes:
    buffer = BytesIO()
    Image.open(BytesIO(picture(seed))).save(buffer, format, xmp=xml)
    return buffer.getvalue()


def test_xmp_of_three_programs_is_imported(service: RunningService) -> None:
    hostile = b'<!DOCTYPE x [<!ENTITY a "haha">]><x>&a;</x>'
    fill(
        service.root,
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
    assert service.once().returncode == 0
    found = import_labels(service, "--xmp")
    by_name = {
        os.path.relpath(path, service.root): (value, source) for path, (value, source, _) in labels(service).items()
    }
    assert by_name == {
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
    assert import_labels(service, "--xmp")["unchanged"] == 6
    below = import_labels(service, "--xmp", service.root + b"/sub", "--delete-at-most", "2")
    assert (below["files"], below["labelled"]) == (1, {"keep": 0, "delete": 1})
    assert import_labels(service, "--xmp", "--keep-at-least", "3")["labelled"] == {"keep": 1, "delete": 0}
    assert service.catalog("label", "import", "--xmp", "/nowhere").returncode == 2
    assert service.catalog("label", "import", "--xmp", "--delete-at-most", "4").returncode == 2


@pytest.mark.parametrize("arguments", [(), ("--xmp", "--keep", "/"), ("a", "b"), ("--keep", "/r", "--delete", "/r")])
def test_several_kinds_of_source_are_refused(service: RunningService, arguments: tuple[str, ...]) -> None:
    assert service.catalog("label", "import", *arguments).returncode == 2
