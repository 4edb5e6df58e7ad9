"""Short files with names that say something."""

import ast

from tests.support.source_tree import HOME, modules

PRODUCT = ("models", "catalog", "daemon")
LINES, BODY = 400, 50
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common"}


def test_no_file_is_long() -> None:
    assert {m.file: m.lines for m in modules(*PRODUCT) if m.lines > LINES} == {}


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

    files = {file.stem for file in (HOME / "catalog" / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert files == set(COMMANDS)


def _public(tree: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    top = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    seen = [node for node in top if not node.name.startswith("_")]
    inner = [node for owner in seen if isinstance(owner, ast.ClassDef) for node in owner.body]
    return seen + [node for node in inner if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
