"""The wheel: everything that a fresh install needs, and nothing else."""

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source_tree import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Built as pip would build it, from a copy, so that no stale build folder lends it a file."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    if not listed:
        pytest.skip("needs the source as git has it")
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(copy),
    ]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as opened:
        yield opened


def test_it_holds_what_a_fresh_install_needs(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    wanted = {"models/native/entropy.pyi", *(f"{room}/py.typed" for room in ("catalog", "daemon", "models"))}
    wanted |= {str(file.relative_to(ROOT)) for file in (ROOT / "models" / "default").rglob("*") if file.is_file()}
    wanted |= {f"catalog/units/{file.name}" for file in (ROOT / "systemd").glob("*.[st]*")}
    assert len(wanted) > 10
    assert wanted - names == set()


def test_it_holds_the_product_only(wheel: zipfile.ZipFile) -> None:
    info = f"{_project()['name']}-{_project()['version']}.dist-info"
    assert {name.split("/")[0] for name in wheel.namelist()} == {"catalog", "daemon", "models", info}
    assert [name for name in wheel.namelist() if "__pycache__" in name] == []


def test_every_module_is_in_it(wheel: zipfile.ZipFile) -> None:
    source = {
        str(file.relative_to(ROOT)) for room in ("catalog", "daemon", "models") for file in (ROOT / room).rglob("*.py")
    }
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (source & set(tracked.split())) - set(wheel.namelist()) == set()


def test_it_carries_its_licence_and_both_commands(wheel: zipfile.ZipFile) -> None:
    names = {name.partition(".dist-info/")[2]: name for name in wheel.namelist()}
    assert b"Apache License" in wheel.read(names["licenses/LICENSE"])
    entry = wheel.read(names["entry_points.txt"]).decode()
    assert "catalogd = daemon.main:main" in entry
    assert "catalog = catalog.cli.main:main" in entry


def test_what_it_installs_finds_its_units_and_its_model(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from catalog.installer import unit_files\n"
        "from models.bundle import folder\n"
        "settings = unit_files.UnitSettings(*map(unit_files.Path, ('/a', '/b', '/c')))\n"
        "print(unit_files.__file__, folder.load_bundle(folder.default_folder()).name)\n"
        "print(*unit_files.user_unit_files(settings).values(), *unit_files.system_unit_files(settings).values())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/catalog/installer/unit_files.py default\n")
    assert done.stdout.count("ExecStart=/a --config /b\n") == 2


def test_the_lock_is_exact_and_within_what_the_project_allows() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    locked = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines}
    assert lines == sorted(lines)
    assert all(locked.values())
    project = _project()
    for text in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), text
        assert {clause.operator for clause in wanted.specifier} == {">=", "<"}, f"{text} is not bounded on both sides"


def test_the_changelog_has_a_place_for_what_comes() -> None:
    headings = re.findall(r"(?m)^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text())
    assert headings[0] in ("Unreleased", _project()["version"])


def _project() -> dict[str, dict[str, list[str]]]:
    project: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project
