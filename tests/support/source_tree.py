"""The project's own source, parsed but not imported."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("models", "catalog", "daemon", "tools")


@dataclass(frozen=True)
class Module:
    """A parsed Python file."""

    file: str  # path in the repository
    tree: ast.Module
    lines: int

    @property
    def package(self) -> str:
        return self.file.split("/")[0]


@dataclass(frozen=True)
class Import:
    """An import: `module` is the full name; `typing`: only under TYPE_CHECKING."""

    file: str
    line: int
    module: str
    typing: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def modules(*packages: str) -> list[Module]:
    """Return every Python file of these top-level packages."""
    files = sorted(file for package in packages for file in (ROOT / package).rglob("*.py"))
    assert files, packages
    return [_parse(file) for file in files]


@cache
def _parse(file: Path) -> Module:
    text = file.read_text(encoding="utf-8")
    return Module(str(file.relative_to(ROOT)), ast.parse(text), text.count("\n"))


@cache
def imports(module: Module) -> tuple[Import, ...]:
    """Return every import, at any level; `from a import b` yields a.b too, since b may be a module."""
    return tuple(_find_imports(module))


def _find_imports(module: Module) -> Iterator[Import]:
    typing = {id(inner) for node in ast.walk(module.tree) if _typing_only(node) for inner in ast.walk(node)}
    for node in ast.walk(module.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = module.file.split("/")[: -node.level] if node.level else []
            whole = ".".join([*here, *([node.module] if node.module else [])])
            names = [whole, *(f"{whole}.{alias.name}" for alias in node.names)]
        for name in names:
            yield Import(module.file, getattr(node, "lineno", 0), name, id(node) in typing)


def _typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
