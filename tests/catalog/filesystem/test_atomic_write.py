"""Files created in the state directory belong to its owner."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from catalog.errors import ResourceError
from catalog.filesystem.atomic_write import make_private_directory


def refuse(*_: object, **__: object) -> NoReturn:
    """Fail as the kernel does for root without CAP_CHOWN."""
    raise PermissionError(1, "Operation not permitted")


def test_root_without_privileges_creates_directories_that_it_owns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", refuse)
    make_private_directory(tmp_path / "reports")
    assert (tmp_path / "reports").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change an owner")
def test_root_gives_directories_to_the_owner_of_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 1234, 5678)
    make_private_directory(state / "reports")
    made = (state / "reports").stat()
    assert (made.st_uid, made.st_gid) == (1234, 5678)
    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(ResourceError, match="not permitted"):
        make_private_directory(state / "backups")
