"""Reading one file: the outcome for anything that may be at the path."""

import hashlib
import os
from pathlib import Path

import pytest

from catalog.filesystem.stat_signature import Signature, signature_of
from daemon.intake.previous_content import PreviousContent
from daemon.intake.read_file import read_file
from daemon.messages import AlreadyEmbedded, Decoded, FileChanged, ReadTask, Rejected, WorkerOutcome
from models.decode.reason import RejectReason
from models.picture import Recipe
from tests.support.running_service import picture

RECIPE = Recipe(height=16, width=16)


class Memory:
    """A catalog with one content, or none."""

    def __init__(self, known: bytes = b"", past: PreviousContent | None = None) -> None:
        self._known, self._past = known, past

    def is_embedded(self, sha256: bytes) -> bool:
        return sha256 == self._known

    def previous(self, content: int) -> PreviousContent | None:
        return self._past


def task(path: Path, seen: Signature | None = None) -> ReadTask:
    return ReadTask(1, os.fsencode(path), seen or signature_of(os.lstat(path)), 0)


def read(work: ReadTask, *, known: bytes = b"", max_bytes: int = 1 << 20) -> WorkerOutcome:
    return read_file(work, RECIPE, max_bytes, 10_000, Memory(known))


def test_a_healthy_image_is_hashed_and_decoded_from_one_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture(1))
    found = read(task(path))
    assert isinstance(found, Decoded)
    assert found.sha256 == hashlib.sha256(picture(1)).digest()
    assert len(found.pixels) == 16 * 16 * 3
    assert (found.facts.format, found.facts.width, found.facts.height) == ("png", 48, 32)


def test_known_bytes_are_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no image at all")
    digest = hashlib.sha256(b"no image at all").digest()
    assert read(task(path), known=digest) == AlreadyEmbedded(task(path), digest)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", RejectReason.EMPTY),
        (picture(1)[:60], RejectReason.TRUNCATED),
        (b"<html><body>hello", RejectReason.WRONG_TYPE),
    ],
)
def test_invalid_bytes_are_rejected_with_their_reason(tmp_path: Path, data: bytes, reason: RejectReason) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    found = read(task(path))
    assert isinstance(found, Rejected)
    assert (found.reason, found.transient) == (reason, False)
    assert found.sha256 == hashlib.sha256(data).digest()


def test_a_file_beyond_the_limit_is_still_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture(1))
    found = read(task(path), max_bytes=10)
    assert isinstance(found, Rejected)
    assert (found.reason, found.sha256) == (RejectReason.LARGE, hashlib.sha256(picture(1)).digest())


def test_a_file_with_another_stat_signature_is_reported_as_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture(1))
    seen = signature_of(os.lstat(path))
    for other in (seen._replace(size=1), seen._replace(mtime_ns=1), seen._replace(ctime_ns=1)):
        assert isinstance(read(task(path, other)), FileChanged)


def test_a_file_that_changes_while_it_is_read_is_reported_as_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture(1))
    work = task(path)
    really = hashlib.sha256

    def slow(data: bytes = b"") -> object:
        with path.open("ab") as file:
            file.write(b"more")
        return really(data)

    monkeypatch.setattr("daemon.intake.read_file.hashlib.sha256", slow)
    assert isinstance(read(work), FileChanged)


@pytest.mark.parametrize("kind", ["absent", "directory", "symlink", "pipe"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture(1))
    work = task(path)
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "symlink":
        (tmp_path / "b.png").write_bytes(picture(1))
        path.symlink_to(tmp_path / "b.png")
    elif kind == "pipe":
        os.mkfifo(path)
    assert isinstance(read(work), FileChanged)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_a_transient_rejection(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture(1))
    path.chmod(0)
    found = read(task(path))
    assert isinstance(found, Rejected)
    assert (found.reason, found.transient) == (RejectReason.UNREADABLE, True)


def test_reading_leaves_the_access_time_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture(1))
    os.utime(path, (1, 1))
    before = os.lstat(path)
    read(task(path))
    after = os.lstat(path)
    assert (before.st_atime_ns, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_atime_ns,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )
