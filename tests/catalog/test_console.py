"""Tables and pages on terminals of any width: no path is ever folded."""

import pytest
from rich.console import Console

from catalog import console
from catalog.console import TextPage, print_table

PATH = "/srv/photos/a folder with spaces/and a long name/IMG_0001.jpg"
COLUMNS = ("reason", "path", "detail")
ROW = ("damaged", PATH, "truncated: the end of the file is missing")


def set_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    narrow = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)
    monkeypatch.setattr(console, "stdout_console", lambda: narrow)


def test_a_table_that_fits_has_one_line_per_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_width(monkeypatch, 200)
    print_table(COLUMNS, [ROW, ("empty", "/b", None)])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == list(COLUMNS)
    assert PATH in first and "missing" in first
    assert second.split() == ["empty", "/b"]


def test_a_table_that_is_too_wide_has_one_line_per_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_width(monkeypatch, 40)
    print_table(COLUMNS, [ROW, ("empty", "/b", None)])
    assert capsys.readouterr().out.splitlines() == [
        PATH,
        "    reason: damaged",
        f"    detail: {ROW[2]}",
        "/b",
        "    reason: empty",
    ]


@pytest.mark.parametrize("width", [30, 60, 200])
def test_a_page_never_folds_a_path(width: int) -> None:
    page = TextPage(width)
    page.table(COLUMNS, [(f"intact copy: {PATH}", PATH, "a detail of several words that is wrapped")], lead=1)
    page.line(f"See {PATH.replace(' ', '_')} for the rest of the story.")
    lines = page.text.splitlines()
    assert sum(PATH in line for line in lines) == (1 if width == 200 else 2)
    assert any(PATH.replace(" ", "_") in line for line in lines)
