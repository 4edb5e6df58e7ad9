"""Loading the configuration: errors, and roots with any name."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.config.edit import write_config
from catalog.config.load import format_root, load_config, parse_root
from catalog.errors import CatalogError, UsageError

GOOD = 'state = "/var/lib/x"\nroots = ["/photos"]\n'


def load(folder: Path, text: str) -> object:
    place = folder / "config.toml"
    place.write_text(text, encoding="utf-8")
    return load_config(str(place))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "[intake]\nworker = 3\n", "Did you mean `workers`?"),
        (GOOD + "colour = 1\n", "unknown key `colour`"),
        (GOOD + "[intake]\nworkers = '3'\n", "wrong type"),
        (GOOD + "[intake]\nworkers = -1\n", "wrong type"),
        (GOOD + "[intake]\nworkers = true\n", "wrong type"),
        (GOOD + "[model]\nprovider = 'gpu'\n", "Choose one of auto, cpu, cuda, tensorrt"),
        (GOOD + "[model]\ndevices = 0\n", "wrong type"),
        (GOOD + "[model]\ndevices = ['0']\n", "wrong type"),
        (GOOD + "[model]\ndevices = [true]\n", "wrong type"),
        (GOOD + "[model]\ndevices = [-1]\n", "wrong type"),
        (GOOD + "[model]\ndevices = []\n", "devices = [0, 1]"),
        (GOOD + "[model]\ndevices = [1, 1]\n", "lists a GPU twice"),
        (GOOD + "intake = 3\n", "must be a table"),
        ('state = "/x"\n', "lacks `roots`"),
        ('state = "x"\nroots = ["/y"]\n', "not an absolute path"),
        ('state = "/x"\nroots = ["y"]\n', "not absolute"),
        ('state = "/x"\nroots = ["/y", "/y/z"]\n', "is inside"),
        ('state = "/x"\nroots = ["/y", "/y"]\n', "is inside"),
        ("state = \n", "not valid TOML"),
    ],
)
def test_an_invalid_configuration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        load(tmp_path, text)
    assert message in f"{raised.value.problem} {raised.value.remedy}"
    assert raised.value.remedy


def test_devices_are_gpu_numbers(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD + "[model]\ndevices = [2, 0]\n").model.devices == (2, 0)  # type: ignore[attr-defined]


def test_a_missing_configuration_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as raised:
        load_config(str(tmp_path / "absent.toml"))
    assert "catalog init" in raised.value.remedy


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name and b"/" not in name))
def test_any_root_round_trips(name: bytes) -> None:
    path = b"/" + name
    if path.rstrip(b"/"):
        assert parse_root(format_root(path)) == path


def test_roots_with_unusual_names_are_written_and_read_back(tmp_path: Path) -> None:
    roots = (b'/a "quoted" \\ name', b"/b\nnewline", b"/c\xff\xfe", "/d ü".encode())
    write_config(tmp_path / "c.toml", tmp_path / "state", roots)
    assert load_config(str(tmp_path / "c.toml")).roots == roots


def test_a_second_init_keeps_the_lines_of_the_owner(tmp_path: Path) -> None:
    place = tmp_path / "c.toml"
    write_config(place, tmp_path / "state", (b"/a",))
    place.write_text(place.read_text() + "# mine\n[intake]\nworkers = 3\n")
    write_config(place, tmp_path / "state", (b"/a", b"/b"))
    assert "# mine" in place.read_text()
    config = load_config(str(place))
    assert (config.roots, config.intake.workers) == ((b"/a", b"/b"), 3)


def test_the_file_is_found_by_environment_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "c.toml"
    write_config(place, tmp_path / "state", (os.fsencode(tmp_path),))
    monkeypatch.setenv("CATALOG_CONFIG", str(place))
    assert load_config().path == place
