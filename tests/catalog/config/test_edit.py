"""Editing the configuration: everything else stays, byte for byte."""

import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from catalog.cli.main import cli
from catalog.config.edit import (
    with_root_replaced,
    with_roots,
    with_setting,
    without_root,
    write_config,
    write_setting,
)
from catalog.config.load import load_config, parse_root
from catalog.errors import UsageError

STATE = Path("/s")
BACKUP = 'state = "/s"\n# what to watch\nroots = ["/a"] # the archive\n[backup] # kept for a year\ndaily = 30\n'

ROOTS = {
    "a comment behind the list, a table right after": (BACKUP, BACKUP.replace('["/a"]', '["/a", "/new"]')),
    "one line a root": (
        'roots = [\n  "/a", # first\n  # "/old",\n  "/b"  # second ]\n] # end\nstate="/s"',
        'roots = [\n  "/a", # first\n  # "/old",\n  "/b",  # second ]\n  "/new"\n] # end\nstate="/s"',
    ),
    "a comma behind the last": (
        "state='/s'\nroots = [\n\t'/a', # one\n\t# no more\n]\n",
        "state='/s'\nroots = [\n\t'/a', # one\n\t# no more\n\t\"/new\",\n]\n",
    ),
    "the comment of the first line": (
        'state = "/s"\nroots = ["/a", # one, two\n]\n[scrub]\n',
        'state = "/s"\nroots = ["/a", # one, two\n  "/new",\n]\n[scrub]\n',
    ),
    "commas in front": (
        "state = '/s'\nroots = [\n    '/a' # c\n  , '/b' # d, e\n]\n",
        "state = '/s'\nroots = [\n    '/a' # c\n  , '/b', # d, e\n    \"/new\"\n]\n",
    ),
    "an empty list": ("state = '/s'\nroots = []", "state = '/s'\nroots = [\"/new\"]"),
    "an empty list with a comment": (
        "state = '/s'\nroots = [ # none yet\n]\n",
        "state = '/s'\nroots = [ # none yet\n  \"/new\",\n]\n",
    ),
    "quoted keys, no line end": (
        "\"state\" = '/s'\n'roots'=['/a' , ]# here",
        "\"state\" = '/s'\n'roots'=['/a' , \"/new\", ]# here",
    ),
    "other keys of that name": (
        "state='/s'\nroots=['/a']\n[report]\ncommand='''\nroots = [] # no\n'''\nroots = ['/b']\n",
        "state='/s'\nroots=['/a', \"/new\"]\n[report]\ncommand='''\nroots = [] # no\n'''\nroots = ['/b']\n",
    ),
    "dotted keys and an inline table": (
        "model.threads = 1 # m\nroots = ['/a']\nscrub = { days = 3 } # s\nstate = '/s'\nmodel.batch = 2\n",
        "model.threads = 1 # m\nroots = ['/a', \"/new\"]\nscrub = { days = 3 } # s\nstate = '/s'\nmodel.batch = 2\n",
    ),
    "no roots": (
        "# mine\n[scrub] # s\nstate = 1",
        'state = "/s"\nroots = [\n  "/new",\n]\n# mine\n[scrub] # s\nstate = 1',
    ),
    "nothing": ("", 'state = "/s"\nroots = [\n  "/new",\n]\n'),
}


@pytest.mark.parametrize(("text", "changed"), ROOTS.values(), ids=ROOTS.keys())
def test_a_root_is_added_without_other_changes(text: str, changed: str) -> None:
    assert with_roots(text, STATE, [b"/new"]) == changed
    assert with_roots(changed, Path("/other"), [b"/new"]) == changed


def test_a_root_listed_in_another_spelling_is_not_added() -> None:
    text = "state = '/s'\nroots = ['/a/', \"file:///%FF\"]\n"
    assert with_roots(text, STATE, [b"/a", b"/\xff"]) == text


SPACE = st.sampled_from(["", " ", "\t", "\n", "\n  ", "\n\n"])
COMMENT = st.sampled_from(["# c\n", "#\n", "# ]\n", '# "x", \n', "# roots = [\n", "  # é\u00a0\n"])
GAP = st.lists(st.one_of(SPACE, COMMENT), max_size=3).map("".join)
VALUE = st.sampled_from(['"/a"', "'/b'", '"""/c"""', "'''\n/d # ]'''", '"/e\\"#,"', '"~/f"', '"file:///%FF"'])
TAIL = st.sampled_from(
    ["", " # behind", "\n", "# x\n[intake]\nworkers=1\n", "\nmodel.threads=1\nscrub.days=1\n[report]\n"]
)


@st.composite
def lists(draw: st.DrawFn) -> str:
    """A list of texts as TOML allows it to be laid out."""
    values = draw(st.lists(VALUE, max_size=3))
    text = ",".join(draw(GAP) + value + draw(GAP) for value in values)
    return f"[{text}{draw(st.sampled_from([',', ''])) if values else ''}{draw(GAP)}]"


@given(st.sampled_from(["", "# top\n", "state = '/s' # d\n\n"]), lists(), TAIL)
def test_a_root_is_added_to_a_list_of_any_layout(head: str, listed: str, tail: str) -> None:
    text = f"{head}roots = {listed}{tail}"
    old = tomllib.loads(text)
    changed = with_roots(text, STATE, [b"/new", b'/"newer" #'])
    assert tomllib.loads(changed) == {"state": "/s", **old, "roots": [*old["roots"], "/new", '/"newer" #']}
    assert f"{head}roots = [" in changed and changed.endswith(f"]{tail}")
    rest = iter(changed)
    assert all(char in rest for char in text), "something was lost, or is in another order"


def comments(text: str) -> list[str]:
    """The comments of a list whose values hold no `#`."""
    return re.findall(r"#[^\n]*", text)


@given(st.sampled_from(["", "# top\n", "state = '/s' # d\n\n"]), lists(), TAIL, st.integers(0, 2))
def test_a_root_of_a_list_of_any_layout_is_replaced_or_removed(head: str, listed: str, tail: str, index: int) -> None:
    text = f"{head}roots = {listed}{tail}"
    old = tomllib.loads(text)
    if index >= len(old["roots"]):
        return
    root = parse_root(old["roots"][index])
    same = [parse_root(value) == root for value in old["roots"]]
    replaced = with_root_replaced(text, root, b'/"newer"')
    expected = ['/"newer"' if one else value for one, value in zip(same, old["roots"], strict=True)]
    assert tomllib.loads(replaced) == {**old, "roots": expected}
    removed = without_root(text, root)
    left = [value for one, value in zip(same, old["roots"], strict=True) if not one]
    assert tomllib.loads(removed) == {**old, "roots": left}
    for changed in (replaced, removed):
        assert changed.startswith(f"{head}roots = [") and changed.endswith(f"]{tail}")
        if '"#' not in listed and "# ]" not in listed and '#,"' not in listed:
            assert comments(changed) == comments(text)


REMOVED = {
    "the last of a line": ("roots = ['/a', '/x'] # c\n", "roots = ['/a'] # c\n"),
    "the first of a line": ("roots = ['/x', '/a'] # c\n", "roots = ['/a'] # c\n"),
    "the only one": ("roots = ['/x']", "roots = []"),
    "one line a root": (
        "roots = [\n  '/a', # first\n  '/x',\n  '/b' # second\n]\n[scrub]\n",
        "roots = [\n  '/a', # first\n  '/b' # second\n]\n[scrub]\n",
    ),
    "with its comment": ("roots = [\n  '/x', # old disk\n  '/b',\n]\n", "roots = [\n   # old disk\n  '/b',\n]\n"),
    "the last line": ("roots = [\n  '/a',\n  '/x'\n]\n", "roots = [\n  '/a',\n]\n"),
}


@pytest.mark.parametrize(("text", "changed"), REMOVED.values(), ids=REMOVED.keys())
def test_a_root_is_removed_without_other_changes(text: str, changed: str) -> None:
    assert without_root(text, b"/x") == changed


def test_a_root_is_replaced_in_its_place() -> None:
    text = 'state = "/s"\nroots = ["/a", "/b/", # second\n  "/c"]\n[backup] # b\n'
    assert with_root_replaced(text, b"/b", b"/\xff") == text.replace('"/b/"', '"file:///%FF"')


def test_a_root_that_is_not_listed_is_reported() -> None:
    with pytest.raises(UsageError, match="/x is not a root in the configuration"):
        without_root("roots = ['/a']", b"/x")


SETTINGS = {
    "a literal and a comment": "[model]\n  bundle   =   'x'   # which\nthreads = 1\n",
    "no space, no line end": "state='/s'\n[ \"model\" ] # m\n\"bundle\"='x'# which",
    "several lines": "[model]\nbundle = '''x'''\n# scrub\n[scrub]\n",
    "a dotted key": 'state="/s"\nmodel.bundle = "x" # c\nscrub.days = 3\nmodel.threads = 2\n[intake]\n',
    "an inline table": 'model = { threads = 1 , bundle="x" } # c\n[report]\ncommand = """\n[model]\nbundle="x"\n"""\n',
}


@pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_setting_is_changed_in_place(text: str) -> None:
    old = re.compile("(bundle\"? *= *)('''x'''|'x'|\"x\")")
    assert with_setting(text, "model", "bundle", 'a "name"') == old.sub(r'\1"a \\"name\\""', text, count=1)


ADDED = {
    "behind the last, above the comment of the next": (
        "[model] # m\nthreads = 1 # t\n\n# at night\n[scrub]\n",
        '[model] # m\nthreads = 1 # t\nbundle = "y"\n\n# at night\n[scrub]\n',
    ),
    "an empty table": ("[model]  # mine\n# none\n[watch]\n", '[model]  # mine\nbundle = "y"\n# none\n[watch]\n'),
    "an empty table at the end": ("[model]", '[model]\nbundle = "y"\n'),
    "no line end": ("[model]\nthreads = 1", '[model]\nthreads = 1\nbundle = "y"\n'),
    "dotted keys": (
        "model.threads = 1 # t\nscrub.days = 2\n",
        'model.threads = 1 # t\nmodel.bundle = "y"\nscrub.days = 2\n',
    ),
    "an inline table": ("model = { threads = 1 } # m\n", 'model = { threads = 1, bundle = "y" } # m\n'),
    "an indented table": (
        "  [model]\n\tthreads = 1\n\n  [scrub]\n",
        '  [model]\n\tthreads = 1\n\tbundle = "y"\n\n  [scrub]\n',
    ),
    "a narrow inline table": ("model={threads=1}", 'model={threads=1, bundle = "y"}'),
    "an empty inline table": ("model = {} # m", 'model = {bundle = "y"} # m'),
    "other tables": (
        'state = "/s"\nroots = []\n\n[watch]\nbundle_like = 1\n',
        'state = "/s"\nroots = []\n\n[watch]\nbundle_like = 1\n\n[model]\nbundle = "y"\n',
    ),
    "no such table": ("state = '/s' # s", "state = '/s' # s\n\n[model]\nbundle = \"y\"\n"),
}


@pytest.mark.parametrize(("text", "changed"), ADDED.values(), ids=ADDED.keys())
def test_a_new_setting_is_added_to_its_table(text: str, changed: str) -> None:
    assert with_setting(text, "model", "bundle", "y") == changed
    assert with_setting(changed, "model", "bundle", "y") == changed


LINE = st.sampled_from(
    ["", "  ", "# c", "  # [model]", "threads = 1", "batch = 2 # b ", '\tprovider="cpu"# p', "# bundle = 1"]
)
TABLE = st.lists(LINE, max_size=4, unique=True).map("\n".join)
HEAD = st.sampled_from(["[model]", '  [ "model" ] # m', "['model']", "[model]# m"])
END = st.sampled_from(["", "\n", "\n\n# at night\n[scrub]\n", "\n[report]\ncommand = '''\n[model]\nbundle = 1\n'''"])


@given(st.sampled_from(["", "# top\n", "state = '/s' # d\n[intake]\n\n"]), HEAD, TABLE, END)
def test_a_setting_is_added_to_a_table_of_any_layout(start: str, head: str, table: str, end: str) -> None:
    text = f"{start}{head}\n{table}{end}"
    old = tomllib.loads(text)
    changed = with_setting(text, "model", "bundle", "y # z")
    assert tomllib.loads(changed) == {**old, "model": {**old["model"], "bundle": "y # z"}}
    without = re.sub(r'(?m)^[ \t]*bundle = "y # z"\n', "", changed)
    assert without.removesuffix("\n") == text.removesuffix("\n")
    again = with_setting(changed, "model", "bundle", "x")
    assert again == changed.replace('"y # z"', '"x"')


def init(place: Path, *arguments: str | Path) -> Result:
    """What `catalog init` does with that configuration."""
    return CliRunner().invoke(cli, ["--config", str(place), "init", *map(str, arguments)])


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Directories that can be roots; the last has a name that is no text."""
    names = (b"one", "zw\u00f6lf \"'\\".encode(), b"n\xff\n")
    for name in names:
        os.mkdir(os.fsencode(tmp_path) + b"/" + name)
    return [tmp_path / os.fsdecode(name) for name in names]


def test_init_adds_roots_to_a_configuration_with_comments(tmp_path: Path, photos: list[Path]) -> None:
    place = tmp_path / "config.toml"
    text = (
        f'state = "{tmp_path}/state"\nroots = ["{photos[0]}"] # the archive\n[backup] # kept for a year\ndaily = 30\n'
    )
    place.write_text(text)
    assert init(place, *photos).exception is None
    assert load_config(str(place)).roots == tuple(map(os.fsencode, photos))
    assert load_config(str(place)).backup.daily == 30
    before, after = text.split("] # the archive")
    changed = place.read_text()
    assert changed.startswith(before) and changed.endswith("] # the archive" + after)


def test_init_adds_missing_keys_to_a_prepared_configuration(tmp_path: Path, photos: list[Path]) -> None:
    place = tmp_path / "config.toml"
    text = "# by Ansible\n[intake]\nworkers = 1\n"
    place.write_text(text)
    assert init(place, photos[0], "--state", tmp_path / "state").exception is None
    config = load_config(str(place))
    assert (config.state, config.roots) == (tmp_path / "state", (os.fsencode(photos[0]),))
    assert place.read_text().endswith(text)


@pytest.mark.parametrize("text", ["roots = [\n", "state = '/s'\nroots = ['/a'] # é".encode("latin-1")])
def test_an_invalid_file_is_reported_and_not_changed(tmp_path: Path, photos: list[Path], text: str | bytes) -> None:
    place = tmp_path / "config.toml"
    data = text if isinstance(text, bytes) else text.encode()
    place.write_bytes(data)
    result = init(place, photos[0])
    assert isinstance(result.exception, UsageError) and str(place) in result.exception.problem
    assert place.read_bytes() == data
    assert sorted(os.listdir(tmp_path)) == sorted(["config.toml", *(one.name for one in photos)])


def test_a_file_with_cr_line_endings_is_not_changed(tmp_path: Path) -> None:
    """Lines that end in CR alone are not valid TOML, although Python's text files read them."""
    place = tmp_path / "config.toml"
    place.write_bytes(b"state = '/s'\rroots = ['/a']\r")
    assert load_config(str(place)).roots == (b"/a",)
    with pytest.raises(UsageError, match="by a program") as raised:
        write_config(place, STATE, [b"/new"])
    assert "by hand" in raised.value.remedy
    assert place.read_bytes() == b"state = '/s'\rroots = ['/a']\r"
    assert os.listdir(tmp_path) == ["config.toml"]


def test_line_endings_and_a_byte_order_mark_are_kept(tmp_path: Path) -> None:
    place = tmp_path / "config.toml"
    lines = ["\ufeffstate = '/s' # s", "roots = [", "  '/a', # a", "]", "[model] # m", "threads = 1"]
    place.write_bytes("\r\n".join(lines).encode())
    write_config(place, STATE, [b"/new"])
    config = write_setting(place, "model", "bundle", "tiny")
    assert (config.roots, config.model.bundle, config.model.threads) == ((b"/a", b"/new"), "tiny", 1)
    lines[3:3] = ['  "/new",']
    assert place.read_bytes() == ("\r\n".join(lines) + '\r\nbundle = "tiny"\r\n').encode()


def test_mode_owner_and_links_are_kept(tmp_path: Path) -> None:
    file, place = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    file.write_text("state = '/s'\nroots = []\n")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 12345, 23456)
    place.symlink_to(file.name)
    before = file.stat()
    write_config(place, STATE, [b"/new"])
    after = file.stat()
    assert place.is_symlink() and load_config(str(place)).roots == (b"/new",)
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (before.st_uid, before.st_gid, 0o640)
    write_config(place, STATE, [b"/new"])
    assert file.stat().st_ino == after.st_ino, "written though nothing changed"


def test_a_name_that_toml_cannot_represent_is_reported(tmp_path: Path) -> None:
    place = tmp_path / "config.toml"
    with pytest.raises(UsageError, match="not UTF-8"):
        write_config(place, Path(os.fsdecode(b"/s\xff")), [b"/new"])
    assert os.listdir(tmp_path) == []
