"""Write docs/json.md from the types of the commands' JSON: `python -m tools.json_page`."""

import ast
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

from catalog import json_types
from catalog.json_types import backup, files, heads, integrity, labels, models, report, status, trash

PAGE = Path(__file__).parents[1] / "docs" / "json.md"
HEAD = """# JSON output

Every command that answers a question takes `--json`. A command that prints a list prints one object a line. Scripts may
rely on keys and values; new keys may be added.

{conventions}

*This page is generated from `catalog/json_types/` by `python -m tools.json_page`.*
"""

# Commands that print a list print one such object per line.
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "accept": (integrity.AcceptedFileJson,),
    "backup": (backup.BackupJson,),
    "candidates": (files.CandidateJson,),
    "check": (integrity.CheckFindingJson,),
    "damage": (integrity.DamagedFileJson,),
    "doctor": (integrity.DoctorFindingJson,),
    "dups": (files.DuplicateGroupJson,),
    "head list": (heads.HeadJson,),
    "label clear": (labels.LabelChangeJson,),
    "label delete": (labels.LabelChangeJson,),
    "label doubts": (labels.SuspectLabelJson,),
    "label import": (labels.LabelImportJson,),
    "label keep": (labels.LabelChangeJson,),
    "label list": (labels.LabelJson,),
    "ls": (files.FileJson,),
    "model check": (models.BundleCheckJson,),
    "model list": (models.BundleJson,),
    "model show": (models.BundleDetailsJson,),
    "next": (labels.LabelSuggestionJson,),
    "recover": (backup.RecoveryJson,),
    "rejected": (integrity.RejectedFileJson, integrity.DamageRateJson),
    "report": (report.ReportJson,),
    "restore": (trash.TrashResultJson,),
    "root list": (status.ListedRootJson,),
    "scrub": (integrity.ScrubJson,),
    "search": (files.SearchResultJson,),
    "show": (files.FileDetailsJson,),
    "similar": (files.SimilarFileJson,),
    "status": (status.StatusJson,),
    "train": (heads.TrainJson,),
    "trash": (trash.TrashResultJson, trash.TrashedFileJson),
}
SECTION_TYPES: dict[str, type] = {
    "damage": report.DamageSectionJson,
    "roots": report.RootsSectionJson,
    "service": report.ServiceSectionJson,
    "changes": report.ChangesSectionJson,
    "scrub": report.ScrubSectionJson,
    "corruption": report.CorruptionSectionJson,
    "suspects": report.SuspectsSectionJson,
    "rejected": report.RejectedSectionJson,
    "ingest": report.IngestSectionJson,
    "candidates": report.CandidatesSectionJson,
    "duplicates": report.DuplicatesSectionJson,
    "doubts": report.DoubtsSectionJson,
    "lessons": report.LessonsSectionJson,
    "head": report.HeadSectionJson,
    "model": report.ModelSectionJson,
    "backups": report.BackupsSectionJson,
}


def json_page() -> str:
    """Return the page: each command with its objects, then the objects that they contain."""
    inner: dict[str, str] = {}
    outer = {name: title for title, types in _titles().items() for name in [kind.__name__ for kind in types]}
    parts = []
    for title, types in _titles().items():
        parts.append(f"## {title}\n")
        parts += [_object(kind, outer, inner) for kind in types]
    parts.append("## Sections of `catalog report`\n")
    parts.append("Each section has these keys, and those listed below under the section's key.\n")
    parts.append(_object(report.SectionJson, outer, inner))
    parts += [f"### `{name}`\n\n{_object(kind, outer, inner)}" for name, kind in SECTION_TYPES.items()]
    parts.append("## Objects inside these\n")
    done: set[str] = set()
    while missing := sorted(set(inner) - done):
        for name in missing:
            done.add(name)
            parts.append(f"### {_anchor_text(name)}\n\n{_object(_type(name), outer, inner)}")
    conventions = (inspect.getdoc(json_types) or "").split("\n\n")[1]
    return HEAD.format(conventions=conventions) + "\n" + "\n".join(parts)


def _titles() -> dict[str, tuple[type, ...]]:
    """Return the types under one heading for all commands that print the same."""
    grouped: dict[tuple[type, ...], list[str]] = {}
    for command, types in JSON_TYPES.items():
        grouped.setdefault(types, []).append(f"`catalog {command}`")
    return {", ".join(names): types for types, names in grouped.items()}


def _object(kind: type, outer: dict[str, str], inner: dict[str, str]) -> str:
    rows = [f"{inspect.getdoc(kind)}\n", "| key | type | meaning |", "|---|---|---|"]
    for key, annotation, meaning in _keys(kind):
        for name in re.findall(r"\w+Json", annotation):
            if name not in outer:
                inner[name] = annotation
        text = annotation.replace(" | ", " or ").replace("None", "null")
        rows.append(f"| `{key}` | {_readable(text)} | {meaning} |")
    return "\n".join(rows) + "\n"


def _readable(annotation: str) -> str:
    optional = annotation.startswith("NotRequired[")
    text = annotation.removeprefix("NotRequired[").removesuffix("]") if optional else annotation
    text = re.sub(r"list\[(.*)\]", r"list of \1", text)
    text = re.sub(r"dict\[str, (.*)\]", r"object of \1", text)
    text = text.replace("str", "string").replace("float", "number").replace("bool", "boolean").replace("int", "integer")
    text = re.sub(r"\bAny\b", "any value", re.sub(r"(\w+)Json", lambda found: _anchor_text(found[0]), text))
    return text + (", may be absent" if optional else "")


def _anchor_text(name: str) -> str:
    return " ".join(re.findall(r"[A-Z][a-z]*", name.removesuffix("Json"))).lower()


def _keys(kind: type) -> list[tuple[str, str, str]]:
    """Return key, annotation and the comment after it, those of base types first."""
    source = inspect.getsource(sys.modules[kind.__module__])
    node = next(node for node in ast.parse(source).body if _defined_name(node) == kind.__name__)
    if isinstance(node, ast.ClassDef):
        bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id.endswith("Json")]
        found = [key for base in bases for key in _keys(_type(base))]
        fields = [
            (part.target.id, part.annotation)
            for part in node.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        ]
    else:  # the functional form, for a key that is a Python keyword
        found = []
        fields = [
            (str(key.value), value)
            for part in ast.walk(node)
            if isinstance(part, ast.Dict)
            for key, value in zip(part.keys, part.values, strict=True)
            if isinstance(key, ast.Constant)
        ]
    lines = source.splitlines()
    comments = {key: lines[(annotation.end_lineno or 0) - 1].partition("#")[2].strip() for key, annotation in fields}
    return found + [(key, ast.unparse(annotation), comments[key]) for key, annotation in fields]


def _defined_name(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    return ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""


def _type(name: str) -> type:
    modules = [value for value in vars(json_types).values() if isinstance(value, ModuleType)]
    kind = next(getattr(module, name) for module in modules if hasattr(module, name))
    assert isinstance(kind, type)
    return kind


if __name__ == "__main__":
    PAGE.write_text(json_page(), encoding="utf-8")
