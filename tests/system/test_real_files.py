"""Real files: every one ends as ok or rejected with a reason, a bomb among them, and the catalog is sound."""

import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from catalog.config.load import load_config
from catalog.integrity.check import check_catalog
from catalog.store.database import Database

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def bomb() -> bytes:
    """A PNG of 50,000 x 50,000 pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (50_000).to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real files (../shared/corpus) is absent")
@pytest.mark.timeout(300)
def test_no_real_file_is_invisible(tmp_path: Path) -> None:
    root, config = tmp_path / "root", tmp_path / "config.toml"
    shutil.copytree(CORPUS, root)
    (root / "bomb.png").write_bytes(bomb())
    call = [sys.executable, "-m"]
    init = [*call, "catalog.cli.main", "init", "--config", config, "--state", tmp_path / "state", root]
    subprocess.run(init, check=True, capture_output=True)
    done = subprocess.run([*call, "daemon.cli", "--once", "--config", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]

    listed = subprocess.run(
        [*call, "catalog.cli.main", "ls", "--json", "--config", config], check=True, capture_output=True, text=True
    ).stdout
    found = {line["path"]: line for line in map(json.loads, listed.splitlines())}
    files = {os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names} - {
        str(root / ".catalogd-root")
    }
    assert set(found) == files
    assert {line["state"] for line in found.values()} == {"ok", "rejected"}
    assert all(line["reason"] for line in found.values() if line["state"] == "rejected")
    assert found[str(root / "bomb.png")]["reason"] == "too many pixels"
    whole = [line for path, line in found.items() if "/photo/" in path or "/meme/" in path or "/screenshot/" in path]
    assert len(whole) > 400
    assert [line for line in whole if line["state"] != "ok"] == []

    settings = load_config(str(config))
    assert check_catalog(settings, Database(settings.database, write=False)) == []
