"""Renames in case or composition only, on a network disk where neither counts: a name that is not listed is gone."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fuse import mount_view
from tests.support.running_service import RunningService, picture

pytestmark = pytest.mark.timeout(300)
NFC, NFD = (unicodedata.normalize(form, "Straße Ärger.png") for form in ("NFC", "NFD"))


class FoldingDisk:
    """The files behind a root on a network disk that folds names."""

    def __init__(self, service: RunningService) -> None:
        self.service, self.source, self.control = service, service.folder / "disk", service.folder / "control"
        os.rename(service.root, self.source)
        os.mkdir(service.root)
        self.control.write_text("fold names\n")

    def add(self, *names: str) -> None:
        for seed, name in enumerate(names):
            (self.source / name).parent.mkdir(exist_ok=True)
            (self.source / name).write_bytes(picture(seed))

    def rename(self, old: str, new: str) -> None:
        os.rename(self.source / old, self.source / new)

    def scan(self) -> dict[str, tuple[int, str]]:
        """Run a pass; return row id and state of each file that is not gone, by path in the root."""
        done = self.service.once()
        assert done.returncode == 0, done.stderr
        assert self.service.findings() == []
        top = len(self.service.root) + 1
        rows = self.service.rows(
            "SELECT d.path, f.name, f.id, f.state FROM file f JOIN directory d ON d.id = f.directory"
            " WHERE f.state != 'gone'"
        )
        return {os.fsdecode(os.path.join(path, name)[top:]): (id_, state) for path, name, id_, state in rows}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FoldingDisk]:
    service = RunningService(tmp_path)
    made = FoldingDisk(service)
    if os.geteuid() or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("this user may not mount a FUSE filesystem")
    with mount_view(os.fsencode(made.source), service.root, made.control):
        yield made
    service.close()


@pytest.mark.parametrize(
    ("old", "new"),
    [("img_1.jpg", "IMG_1.JPG"), ("Straße.png", "STRASSE.png"), (NFC, NFD), (NFD, NFC), (NFC, NFD.upper())],
)
def test_a_file_renamed_in_spelling_only_keeps_its_row(disk: FoldingDisk, old: str, new: str) -> None:
    disk.add(old, "other.png")
    before = disk.scan()
    disk.rename(old, new)
    after = disk.scan()
    assert after.keys() == {new, "other.png"}
    assert after[new] == before[old], "its history, label and first date stay"
    assert disk.scan() == after


def test_a_folder_renamed_in_case_only_lists_its_files_once(disk: FoldingDisk) -> None:
    disk.add("Sub/a.png", "Sub/b.png", "Sub/Deeper/c.png", "d.png")
    before = disk.scan()
    disk.rename("Sub", "SUB")
    after = disk.scan()
    assert after == {name.replace("Sub", "SUB"): row for name, row in before.items()}
    disk.rename("SUB/Deeper", "SUB/deeper")
    assert disk.scan().keys() == {"SUB/a.png", "SUB/b.png", "SUB/deeper/c.png", "d.png"}


def test_a_file_replaced_by_another_spelling_is_gone_and_the_other_is_new(disk: FoldingDisk) -> None:
    disk.add("a.png", "b.png")
    before = disk.scan()
    (disk.source / "a.png").unlink()
    (disk.source / "A.png").write_bytes(picture(9))
    after = disk.scan()
    assert after.keys() == {"A.png", "b.png"}
    assert after["A.png"][0] != before["a.png"][0]
