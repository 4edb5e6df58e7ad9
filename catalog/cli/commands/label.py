"""`catalog label`: the owner's choices.

What an import did, in words.
"""

import os
import sys
import time
from itertools import islice
from pathlib import Path

import click

from catalog.choices.label_text import format_labels, write_label_file
from catalog.choices.labels import effective_choices, label_records, record_choices
from catalog.choices.merge import choices_to_record
from catalog.choices.suspect_labels import has_held_out_scores, suspect_label_record, suspect_labels
from catalog.choices.targets import LabelTarget, NamedFile, resolve_targets
from catalog.cli.options import echo_json, echo_json_lines, json_option, with_catalog
from catalog.cli.params import STDIN, BytesPath, ListedPath, collect_paths
from catalog.context import CatalogContext
from catalog.errors import ResourceError
from catalog.formatting import path_text, printable_path, printable_text
from catalog.label_import.run import ImportResult
from catalog.store.database import Database

MAX_NAMES_SHOWN = 20  # names of a kind that are shown; --json has all


def print_import_result(outcome: ImportResult) -> None:
    """Figures to stdout, what could not be done to stderr."""
    plan = outcome.plan
    click.echo(f"{outcome.files} files: {plan.count('keep')} newly keep, {plan.count('delete')} newly delete")
    for words, count in outcome.seen.items():
        click.echo(f"  {count} {words}")
    if plan.same:
        click.echo(f"  {plan.same} were labelled so already")
    conflicts = [
        f"{printable_path(new.path)}: you said {old.value}, it says {new.value}" for old, new in plan.conflicts
    ]
    _print_names(conflicts, "kept as you labelled them by hand (--overwrite lets the import win)")
    _print_names(
        [" and ".join(printable_path(one.path) for one in ones) for ones in plan.torn], "said to be both; not labelled"
    )
    _print_names([f"{printable_path(path)}: {why}" for path, why in outcome.refused], "could not be used")


def _print_names(lines: list[str], words: str) -> None:
    if lines:
        click.echo(f"  {len(lines)} {words}")
        for line in lines[:MAX_NAMES_SHOWN]:
            click.echo(f"    {line}", err=True)
        if len(lines) > MAX_NAMES_SHOWN:
            click.echo(f"    and {len(lines) - MAX_NAMES_SHOWN} more; --json names all", err=True)


@click.group("label")
def command() -> None:
    """Say what to keep and what to delete, or take it back. A choice belongs to the content: every copy shares it, and
    it outlives moves, a lost disk, and the catalog itself (it is also written to a journal). Nothing is deleted by it.
    """


def _add_choice_command(value: str, short: str) -> None:
    @command.command(value, short_help=short, help=f"{short} PATH may be a pattern in quotes (`*`, `**`, `?`, `[…]`).")
    @click.argument("paths", type=ListedPath(), nargs=-1, metavar="[PATH...]")
    @click.option("--stdin", is_flag=True, help="Read a list: paths, or lines of `ls --json`; the same as `-`.")
    @click.option("-0", "nul", is_flag=True, help="The list on stdin is of paths that end with NUL.")
    @json_option
    @with_catalog
    def verb(asking: CatalogContext, paths: tuple[bytes, ...], stdin: bool, nul: bool, as_json: bool) -> None:
        found = resolve_targets(asking.database, _named_files(paths, stdin, nul))
        changed = _apply_choice(asking, found, value)
        if as_json:
            told = None if value == "clear" else value
            echo_json_lines({"path": path_text(one.path), "sha256": one.sha256.hex(), "label": told} for one in found)
        else:
            contents = len({one.sha256 for one in found})
            already = f", {contents - changed} of them so before" if changed < contents else ""
            click.echo(f"{value}: {len(found)} named, {contents} different contents{already}", err=True)


def _named_files(paths: tuple[bytes, ...], stdin: bool, nul: bool) -> list[NamedFile]:
    if not (paths or stdin or nul):
        raise click.UsageError("Missing argument 'PATH...'.")
    told = collect_paths((*paths, STDIN) if stdin else paths, nul)
    return [NamedFile(path, sha256) for path, sha256 in told.items()]


def _apply_choice(asking: CatalogContext, found: list[LabelTarget], value: str) -> int:
    database = Database(asking.config.database, write=True)
    try:
        held = effective_choices(database, asking.config.state)
        doubted = {doubt.sha256 for doubt in suspect_labels(database)}
        choices = choices_to_record(held, doubted, found, value, time.time())
        record_choices(database, asking.config.state, choices)
    finally:
        database.close()
    return len(choices)


_add_choice_command("keep", "Keep these files.")
_add_choice_command("delete", "These files may be deleted.")
_add_choice_command("clear", "Take the choice back.")


@command.command("list")
@json_option
@with_catalog
def list_(asking: CatalogContext, as_json: bool) -> None:
    """All labels: where each came from, when, and the files that hold the content now."""
    lines = label_records(asking.database, effective_choices(asking.database, asking.config.state))
    if as_json:
        echo_json_lines(lines)
        return
    for one in lines:
        gone = "" if one["paths"] else "\t(no file in the catalog)"
        click.echo(f"{one['label']}\t{one['source']}\t{one['at'][:16]}\t{printable_text(one['path'])}{gone}")


@command.command("doubts")
@click.option("-n", "count", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--all", "all_labels", is_flag=True, help="Rank all labels, also those that nothing speaks against.")
@json_option
@with_catalog
def doubts_(asking: CatalogContext, count: int, all_labels: bool, as_json: bool) -> None:
    """Labels that look wrong, the likeliest first: `catalog train` judged each by what it learned from the others.
    Label a file again, the same or otherwise, and it is not asked for any more.
    """
    found = suspect_labels(asking.database, all_labels=all_labels)
    known = effective_choices(asking.database, asking.config.state)
    lines = [suspect_label_record(asking.database, doubt, known) for doubt in islice(found, count)]
    if as_json:
        echo_json_lines(lines)
        return
    for one in lines:
        gone = "" if one["paths"] else "\t(no file in the catalog)"
        click.echo(f"{one['p_delete']:.3f}\t{one['label']}\t{printable_text(one['path'])}{gone}")
    if not has_held_out_scores(asking.database):
        click.echo("no label was judged yet: run `catalog train` first", err=True)
    else:
        click.echo(f"{len(lines)} of {len(found)} shown; settle each with `catalog label keep|delete PATH…`", err=True)


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@with_catalog
def export(asking: CatalogContext, file: Path) -> None:
    """Write all labels to FILE as plain text, one a line (`-`: to stdout). `import` reads it, here or elsewhere."""
    choices = effective_choices(asking.database, asking.config.state).values()
    words = format_labels(choices)
    if str(file) == "-":
        click.echo(words, nl=False)
    else:
        write_label_file(file, words)
    click.echo(f"{len(choices)} labels", err=True)


@command.command("import")
@click.argument("sources", type=ListedPath(), nargs=-1, metavar="[FILE | DIR...]")
@click.option("--keep", type=BytesPath(), multiple=True, metavar="DIR", help="A folder of pictures that were kept.")
@click.option(
    "--delete", type=BytesPath(), multiple=True, metavar="DIR", help="A folder of pictures that were deleted."
)
@click.option("--classes", "tree", type=BytesPath(), metavar="DIR", help="A folder that holds one folder a class.")
@click.option("--map", "names", default="", metavar="NAME=VALUE,…", help="What each class means: good=keep,bad=delete.")
@click.option("--xmp", is_flag=True, help="Ratings and rejects in XMP of files in the catalog, all or below DIR.")
@click.option("--keep-at-least", type=click.IntRange(1, 5), default=4, show_default=True, help="Stars that say keep.")
@click.option("--delete-at-most", type=click.IntRange(1, 5), help="Stars that say delete; none do by default.")
@click.option("--overwrite", is_flag=True, help="Let the import win over labels that you gave by hand.")
@json_option
@with_catalog
def import_(
    asking: CatalogContext,
    sources: tuple[bytes, ...],
    keep: tuple[bytes, ...],
    delete: tuple[bytes, ...],
    tree: bytes | None,
    names: str,
    xmp: bool,
    keep_at_least: int,
    delete_at_most: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Take over choices made elsewhere: FILE as `export` writes it, folders of pictures already sorted (--keep,
    --delete, --classes), or what Lightroom, darktable and digiKam wrote into XMP (--xmp). Pictures in folders need not
    be in the catalog: they are read and embedded now, and their labels stay when the folders are gone.

    XMP: rejected is delete; accepted (digiKam), 4 and 5 stars are keep. Lightroom's reject flag is in no XMP: give what
    it rejects a rating first. What you labelled by hand stays as it is.
    """
    from catalog.console import file_progress
    from catalog.label_import import run
    from catalog.label_import.folders import class_folders, parse_class_map
    from catalog.label_import.xmp import StarThresholds

    if xmp + bool(keep or delete) + bool(tree) + bool(sources and not xmp) != 1:
        raise click.UsageError("name one kind of source: FILE, --keep and --delete, --classes, or --xmp")
    if set(keep) & set(delete):
        raise click.UsageError("one folder cannot say keep and delete")
    if xmp:
        scale = StarThresholds(delete_at_most or 0, keep_at_least)
        if scale.delete_at_most >= scale.keep_at_least:
            raise click.UsageError("--delete-at-most has to be less than --keep-at-least")
        outcome = run.import_xmp(asking, sources, scale, overwrite, file_progress)
    elif sources:
        outcome = run.import_text(asking, _read_source(sources), overwrite)
    else:
        folders = dict.fromkeys(keep, "keep") | dict.fromkeys(delete, "delete")
        if tree is not None:
            folders = class_folders(tree, parse_class_map(names), run.ignore_rules(asking))
        outcome = run.import_folders(asking, folders, overwrite, file_progress)
    if as_json:
        echo_json(outcome.record())
    else:
        print_import_result(outcome)


def _read_source(sources: tuple[bytes, ...]) -> str:
    if len(sources) > 1:
        raise click.UsageError("one FILE at a time")
    try:
        data = sys.stdin.buffer.read() if sources[0] == STDIN else Path(os.fsdecode(sources[0])).read_bytes()
    except OSError as error:
        raise ResourceError(
            f"{printable_path(sources[0])} cannot be read: {os.strerror(error.errno or 0).lower()}",
            "Name a file that `catalog label export` wrote, or folders with --keep and --delete.",
        ) from error
    return data.decode("utf-8", "surrogateescape")
