"""Short files with names that say something."""

import ast

from tests.support.source_tree import ROOT, modules

PRODUCT = ("models", "catalog", "daemon")
LINES, BODY = 400, 50
CRUMB = 25  # lines; a module below that belongs to another one
CRUMBS = {  # small on purpose
    "daemon/intake/forkserver_preload.py",  # imported for its effect, before anything else
    "daemon/main.py",  # must import nothing
    "models/native/crc32.py",  # the one owner of libdeflate
    "catalog/store/change_log.py",
    "catalog/store/events.py",  # these three stand below everything, so that nothing above them has to be imported
    "catalog/context.py",
    "catalog/crash_points.py",
    "catalog/exit_codes.py",  # constants
    "catalog/state_dir.py",
}
ONE_FILE_EACH = ("catalog/cli/commands/", "catalog/report/sections/", "models/decode/simple/", "catalog/json_types/")
FILES_IN_A_PACKAGE = range(4, 26)  # with __init__.py
MAY_BE_LARGER = {"catalog/cli/commands", "tools/bench"}
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common"}


def test_no_file_is_long() -> None:
    assert {m.file: m.lines for m in modules(*PRODUCT) if m.lines > LINES} == {}


def test_no_file_is_a_crumb() -> None:
    crumbs = {m.file: m.lines for m in modules(*PRODUCT) if m.lines < CRUMB and not m.file.endswith("__init__.py")}
    crumbs = {file: lines for file, lines in crumbs.items() if not file.startswith(ONE_FILE_EACH)}
    assert set(crumbs) - CRUMBS == set()


def test_a_package_has_a_caption_and_neither_few_files_nor_many() -> None:
    wrong = {}
    for module in modules(*PRODUCT, "tools"):
        if not module.file.endswith("__init__.py"):
            continue
        folder = (ROOT / module.file).parent
        name = str(folder.relative_to(ROOT))
        caption = (ast.get_docstring(module.tree) or "").split("\n")[0]
        files = [file for file in folder.iterdir() if file.suffix in (".py", ".c", ".h")]
        packages = [inner for inner in folder.iterdir() if (inner / "__init__.py").exists()]
        count = len(files) + len(packages)
        too_many = len(files) >= FILES_IN_A_PACKAGE.stop and name not in MAY_BE_LARGER
        if not caption.endswith(".") or too_many or count < FILES_IN_A_PACKAGE.start:
            wrong[name] = (len(files), caption)
    assert wrong == {}


def test_no_name_repeats_its_package() -> None:
    """`backup/backup.py` says the same word twice."""
    files = [m.file.removesuffix(".py").split("/") for m in modules(*PRODUCT, "tools")]
    assert [file for file in files if len(file) > 1 and file[-1] == file[-2]] == []


def test_rows_are_never_counted_by_index() -> None:
    """`row[3]` says nothing: a row is unpacked, or is a named tuple."""
    counted = [
        f"{m.file}:{node.lineno} {ast.unparse(node)}"
        for m in modules("catalog", "daemon")
        for node in ast.walk(m.tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("row", "rows", "old", "held")
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, int)
        and (node.value.id == "row" or node.slice.value > 0)
    ]
    assert counted == []


def test_no_function_is_long() -> None:
    long = {
        f"{m.file}:{node.lineno} {node.name}": length
        for m in modules(*PRODUCT)
        for node in ast.walk(m.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > BODY
    }
    assert long == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    words = {m.file for m in modules(*PRODUCT, "tools") if EMPTY_WORDS & set(m.file.removesuffix(".py").split("/"))}
    assert words == set()


def test_what_is_public_says_what_it_is() -> None:
    silent = [
        f"{m.file}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"
        for m in modules(*PRODUCT)
        for node in [m.tree, *_public(m.tree)]
        if ast.get_docstring(node) is None
    ]
    assert silent == []


def test_each_command_is_one_file() -> None:
    from catalog.cli.main import COMMANDS

    files = {file.stem for file in (ROOT / "catalog" / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert files == set(COMMANDS)


def _public(tree: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    top = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    seen = [node for node in top if not node.name.startswith("_")]
    inner = [node for owner in seen if isinstance(owner, ast.ClassDef) for node in owner.body]
    return seen + [node for node in inner if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
