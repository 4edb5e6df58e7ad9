"""The patterns of `ignore`: the default ones, a list of one's own, and what each of them matches."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.config.load import load_config
from catalog.errors import UsageError
from catalog.filesystem.ignore import DEFAULT_IGNORE, DEFAULTS, IgnoreRules, expand_ignore
from catalog.filesystem.transient import transient_reason

ROOT = b"/srv/photos"
SETTINGS = Path(__file__).parents[3] / "docs" / "settings.md"


def rules(*patterns: str) -> IgnoreRules:
    return IgnoreRules(patterns, b"/var/lib/catalogd")


def ignores(path: str, *patterns: str) -> bool:
    """Return whether a file at this path below the root is passed over, as a scan decides it."""
    compiled, folder = rules(*patterns), ROOT
    *folders, name = path.encode().split(b"/")
    for part in folders:
        folder += b"/" + part
        if compiled.ignores_directory(folder):
            return True
    return compiled.ignores_name(name)


def an_example(pattern: str) -> str:
    """Return a path of a file that the pattern is meant for."""
    name = pattern.replace("?", "7").replace("*", "x1")
    return f"album/{name}sub/pic.jpg" if "/" in name else f"album/{name}"


@given(st.sampled_from(DEFAULT_IGNORE), st.sampled_from([str, str.upper, str.lower]))
def test_the_defaults_match_in_any_case_and_deep_below(pattern: str, spelling: type[str]) -> None:
    assert ignores(spelling(an_example(pattern)), DEFAULTS)


@given(st.sampled_from([pattern for pattern in DEFAULT_IGNORE if pattern.endswith("/")]))
def test_every_place_that_is_no_copy_is_ignored_and_no_file_of_its_name_is(pattern: str) -> None:
    path = an_example(pattern)
    assert transient_reason(ROOT + b"/" + path.encode())
    assert rules(DEFAULTS).ignores_path(ROOT + b"/" + path.encode(), ROOT)
    assert not ignores(path.removesuffix("/sub/pic.jpg"), DEFAULTS)


@pytest.mark.parametrize(
    "path", ["Trash/a.jpg", "snapshots/a.jpg", "a.zfs/a.jpg", "my lost+found/a.jpg", "trashed-1.jpg"]
)
def test_plain_words_are_not_ignored(path: str) -> None:
    assert not ignores(path, DEFAULTS)


def test_a_root_inside_such_a_place_is_catalogued() -> None:
    """Its owner chose it."""
    root = b"/mnt/.snapshots/41/snapshot"
    assert not rules(DEFAULTS).ignores_path(root + b"/album/a.jpg", root)
    assert not rules(DEFAULTS).ignores_directory(root + b"/album")


@given(st.sampled_from(DEFAULT_IGNORE))
def test_one_default_is_taken_back(pattern: str) -> None:
    assert ignores(an_example(pattern), DEFAULTS)
    for written in (pattern, pattern.strip("/"), pattern.upper()):
        patterns = expand_ignore((DEFAULTS, f"!{written}", "mine"))
        assert set(patterns) == {*DEFAULT_IGNORE, "mine"} - {pattern}


@given(st.lists(st.sampled_from(["a", "b/", "*.tmp", "c/d"])))
def test_a_list_replaces_the_defaults(patterns: list[str]) -> None:
    assert set(expand_ignore(patterns)) == set(patterns)
    assert set(expand_ignore([*patterns, DEFAULTS])) == {*patterns, *DEFAULT_IGNORE}


def test_case_counts_in_patterns_of_ones_own() -> None:
    assert ignores("RAW/a.jpg", "RAW") and not ignores("raw/a.jpg", "RAW")
    assert ignores("a/Exports/b.jpg", "a/Exports") and not ignores("a/exports/b.jpg", "a/Exports")
    assert not ignores("Exports", "Exports/")


def test_a_pattern_taken_back_in_vain_is_an_error(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'state = "{tmp_path}"\nroots = ["/r"]\nignore = ["!.zfs", "mine"]\n')
    with pytest.raises(UsageError, match=r"takes back !\.zfs, and does not contain \.zfs") as caught:
        load_config(str(config))
    assert DEFAULTS in caught.value.remedy


def test_the_page_of_settings_lists_every_default() -> None:
    rows = SETTINGS.read_text().split("| ignored by default | patterns |")[1].splitlines()[2:]
    listed = [word for row in rows if row.startswith("|") for word in row.split("|")[2].split("`")[1::2]]
    assert sorted(listed) == sorted(DEFAULT_IGNORE)
