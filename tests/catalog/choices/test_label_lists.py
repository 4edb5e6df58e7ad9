"""End-to-end tests of labels by lists, patterns and text, and of suspect labels after training."""

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.running_service import RunningService, picture

NAMES = (b"a.png", b"sub/b.png", b"sub/deep/c \xff\n.png", b"d[1].png", b"e.jpg")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    service = RunningService(tmp_path_factory.mktemp("lists"))
    for number, name in enumerate(NAMES):
        path = os.path.join(service.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(picture(number, "JPEG" if name.endswith(b"jpg") else "PNG"))
    assert service.once().returncode == 0
    yield service
    service.close()


def labels(service: RunningService) -> dict[bytes, str]:
    result = service.catalog("label", "list", "--json")
    assert result.returncode == 0, result.stderr
    lines = map(json.loads, result.stdout.splitlines())
    return {
        os.path.relpath(os.fsencode(path), service.root): label["label"] for label in lines for path in label["paths"]
    }


@pytest.fixture(autouse=True)
def clear_labels(service: RunningService) -> Iterator[None]:
    yield
    result = service.catalog("label", "list", "--json")
    assert service.catalog("label", "clear", "--stdin", stdin=result.stdout).returncode == 0
    assert labels(service) == {}


def test_the_output_of_ls_can_be_labelled(service: RunningService) -> None:
    listed = service.catalog("ls", "--json", os.path.join(service.root, b"sub")).stdout
    result = service.catalog("label", "delete", "--stdin", stdin=listed)
    assert result.returncode == 0, result.stderr
    assert labels(service) == {b"sub/b.png": "delete", b"sub/deep/c \xff\n.png": "delete"}


@pytest.mark.parametrize(("option", "end"), [("-", b"\n"), ("-0", b"\0")])
def test_lists_of_paths_can_be_labelled(service: RunningService, option: str, end: bytes) -> None:
    names = NAMES[:2] if option == "-" else NAMES[:3]
    result = service.catalog(
        "label", "keep", option, stdin=end.join(os.path.join(service.root, name) for name in names)
    )
    assert result.returncode == 0, result.stderr
    assert labels(service) == dict.fromkeys(names, "keep")


def test_patterns_match_files_in_the_catalog(service: RunningService) -> None:
    assert service.catalog("label", "keep", service.root + b"/**/*.png").returncode == 0
    assert labels(service) == dict.fromkeys(NAMES[:4], "keep")
    assert (
        service.catalog("label", "delete", service.root + b"/d[1].png").returncode == 0
    )  # an existing file name takes precedence
    assert labels(service)[b"d[1].png"] == "delete"
    result = service.catalog("label", "keep", service.root + b"/*.gif", service.root + b"/e.jpg")
    assert result.returncode == 2 and "nothing was labelled" in result.stderr
    assert b"e.jpg" not in labels(service)


def test_repeating_a_label_writes_nothing(service: RunningService) -> None:
    assert service.catalog("label", "keep", service.root + b"/*.png").returncode == 0
    journal = (service.state / "journal.jsonl").read_bytes()
    result = service.catalog("label", "keep", service.root + b"/*.png")
    assert "2 unchanged" in result.stderr
    assert (service.state / "journal.jsonl").read_bytes() == journal


def test_export_and_import_round_trip(service: RunningService, tmp_path: Path) -> None:
    assert service.catalog("label", "keep", service.root + b"/**/c*").returncode == 0
    assert service.catalog("label", "delete", service.root + b"/a.png").returncode == 0
    first, second = tmp_path / "labels.txt", tmp_path / "again.txt"
    assert service.catalog("label", "export", str(first)).returncode == 0
    assert service.catalog("label", "clear", service.root + b"/**").returncode == 0
    assert labels(service) == {}
    result = service.catalog("label", "import", str(first), "--json")
    assert json.loads(result.stdout)["labelled"] == {"keep": 1, "delete": 1}
    again = service.catalog("label", "import", "-", "--json", stdin=first.read_bytes())
    assert json.loads(again.stdout)["unchanged"] == 2 and json.loads(again.stdout)["labelled"]["keep"] == 0
    assert service.catalog("label", "export", str(second)).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    assert os.fsencode(service.catalog("label", "export", "-").stdout) == first.read_bytes()
    result = service.catalog("label", "export", str(tmp_path / "no folder" / "labels.txt"))
    assert result.returncode == 4 and "remedy" in result.stderr


def tinted(seed: int, red: bool) -> bytes:
    random = np.random.default_rng(seed)
    grid = random.integers(60, 200, (8, 8, 3))
    grid[:, :, 0 if red else 2] = np.minimum(255, grid[:, :, 0 if red else 2] + 60)
    buffer = BytesIO()
    Image.fromarray(grid.astype(np.uint8)).resize((48, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.slow
def test_wrong_labels_are_suspected_until_they_are_confirmed(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    root = service.path()
    for number in range(80):
        (root / f"{number % 2}{number:03}.png").write_bytes(tinted(number, red=bool(number % 2)))
    assert service.once().returncode == 0
    wrong = {f"{number % 2}{number:03}.png" for number in (3, 20, 41, 66)}
    for value, kind in (("keep", "0"), ("delete", "1")):
        names = [path for path in sorted(root.iterdir()) if (path.name[0] == kind) != (path.name in wrong)]
        assert service.catalog("label", value, *map(str, names)).returncode == 0
    assert "catalog train" in service.catalog("label", "doubts").stderr
    assert service.catalog("train").returncode == 0

    def doubts(*arguments: str) -> list[str]:
        lines = service.catalog("label", "doubts", "--json", *arguments).stdout.splitlines()
        return [Path(json.loads(line)["path"]).name for line in lines]

    assert wrong <= set(doubts("--all", "-n", "8"))  # the first tenth of eighty
    assert wrong <= set(doubts())
    confirmed, *_, flipped = sorted(wrong)
    assert service.catalog("label", "delete", str(root / flipped)).returncode == 0
    assert (
        service.catalog("label", "delete", str(root / confirmed)).returncode == 0
    )  # looks like keep, but meant as delete
    assert not {flipped, confirmed} & set(doubts("--all", "-n", "80"))
    assert service.catalog("train", "--force").returncode == 0
    assert not {flipped, confirmed} & set(doubts("--all", "-n", "80"))
    assert wrong - {flipped, confirmed} <= set(doubts("--all", "-n", "8"))
    sources = {
        Path(line["path"]).name: (line["label"], line["source"])
        for line in map(json.loads, service.catalog("label", "list", "--json").stdout.splitlines())
    }
    assert sources[flipped] == sources[confirmed] == ("delete", "confirmed")
    service.close()
