"""`catalog label`: label images as keep or delete, and import and export labels."""

import os
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalog.choices.label_text import format_labels, write_label_file
from catalog.choices.labels import effective_choices, label_records, record_choices
from catalog.choices.merge import choices_to_record
from catalog.choices.suspect_labels import has_held_out_scores, suspect_label_record, suspect_labels
from catalog.choices.targets import LabelTarget, NamedFile, resolve_targets
from catalog.cli.options import echo_json, echo_json_lines, json_option, with_catalog
from catalog.cli.params import STDIN, BytesPath, ListedPath, collect_paths
from catalog.context import CatalogContext
from catalog.errors import resource_errors
from catalog.formatting import path_text, printable_path, printable_text
from catalog.label_import.run import ImportResult
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.labels import LabelChangeJson
    from catalog.label_import.xmp import StarThresholds

MAX_NAMES_SHOWN = 20  # names per kind of problem; --json has all


def print_import_result(result: ImportResult) -> None:
    """Print counts to stdout, and the names of files that need attention to stderr."""
    plan = result.plan
    click.echo(f"{result.files} files: {plan.count('keep')} newly keep, {plan.count('delete')} newly delete")
    for description, count in result.seen.items():
        click.echo(f"  {count} {description}")
    if plan.unchanged:
        click.echo(f"  {plan.unchanged} already had this label")
    conflicts = [f"{printable_path(new.path)}: you: {old.value}, import: {new.value}" for old, new in plan.conflicts]
    _print_names(conflicts, "keep the label you gave by hand (--overwrite prefers the import)")
    contradictory = [" and ".join(printable_path(choice.path) for choice in choices) for choices in plan.contradictory]
    _print_names(contradictory, "have both labels in the import; not labelled")
    _print_names([f"{printable_path(path)}: {reason}" for path, reason in result.refused], "could not be used")


def _print_names(lines: list[str], caption: str) -> None:
    if lines:
        click.echo(f"  {len(lines)} {caption}")
        for line in lines[:MAX_NAMES_SHOWN]:
            click.echo(f"    {line}", err=True)
        if len(lines) > MAX_NAMES_SHOWN:
            click.echo(f"    and {len(lines) - MAX_NAMES_SHOWN} more; --json lists all", err=True)


@click.group("label")
def command() -> None:
    """Label images as keep or delete, or remove the label. No file is deleted.

    A label belongs to the content: all copies share it, and it survives moves and lost disks. Labels are also written
    to a journal, so they survive the loss of the catalog.

    \b
    Examples:
      catalog label keep ~/Pictures/2021/garden.jpg
      catalog label delete "/srv/photos/Screenshots/*"
      catalog label list
    """


def _add_choice_command(value: str, summary: str, examples: tuple[str, ...]) -> None:
    lines = "".join(f"\n  catalog label {value} {example}" for example in examples)
    text = f"{summary}\n\nPATH may be a pattern in quotes (`*`, `**`, `?`, `[…]`).\n\n\b\nExamples:{lines}"

    @command.command(value, short_help=summary, help=text)
    @click.argument("paths", type=ListedPath(), nargs=-1, metavar="[PATH...]")
    @click.option("--stdin", is_flag=True, help="Read paths, or lines of `ls --json`, from stdin; the same as `-`.")
    @click.option("-0", "nul", is_flag=True, help="Paths on stdin end with NUL.")
    @json_option
    @with_catalog
    def choice(context: CatalogContext, paths: tuple[bytes, ...], stdin: bool, nul: bool, as_json: bool) -> None:
        targets = resolve_targets(context.database, _named_files(paths, stdin, nul))
        changed = _apply_choice(context, targets, value)
        if as_json:
            echo_json_lines(_change_record(target, value) for target in targets)
        else:
            contents = len({target.sha256 for target in targets})
            unchanged = f", {contents - changed} unchanged" if changed < contents else ""
            files = f"{len(targets)} file{'' if len(targets) == 1 else 's'}"
            click.echo(
                f"{value}: {files}, {contents} different content{'' if contents == 1 else 's'}{unchanged}", err=True
            )


def _change_record(target: LabelTarget, value: str) -> "LabelChangeJson":
    label = None if value == "clear" else value
    return {"path": path_text(target.path), "sha256": target.sha256.hex(), "label": label}


def _named_files(paths: tuple[bytes, ...], stdin: bool, nul: bool) -> list[NamedFile]:
    if not (paths or stdin or nul):
        raise click.UsageError("Missing argument 'PATH...'.")
    hashes = collect_paths((*paths, STDIN) if stdin else paths, nul)
    return [NamedFile(path, sha256) for path, sha256 in hashes.items()]


def _apply_choice(context: CatalogContext, targets: list[LabelTarget], value: str) -> int:
    with Database(context.config.database, write=True) as database:
        effective = effective_choices(database, context.config.state)
        suspect = {label.sha256 for label in suspect_labels(database)}
        choices = choices_to_record(effective, suspect, targets, value, time.time())
        record_choices(database, context.config.state, choices)
    return len(choices)


_add_choice_command("keep", "Label files as keep.", ("~/Pictures/2021/garden.jpg", '"/srv/photos/Best/**"'))
_add_choice_command("delete", "Label files as delete.", ('"/srv/photos/Screenshots/*"', "--stdin < reviewed.txt"))
_add_choice_command("clear", "Remove the label of files.", ("~/Pictures/2021/garden.jpg",))


@command.command("list")
@json_option
@with_catalog
def list_(context: CatalogContext, as_json: bool) -> None:
    """List all labels.

    Each line has the label, its origin, its time, and a file that has the content now.

    \b
    Examples:
      catalog label list
      catalog label list --json
    """
    records = label_records(context.database, effective_choices(context.database, context.config.state))
    if as_json:
        echo_json_lines(records)
        return
    for record in records:
        gone = "" if record["paths"] else "\t(no file in the catalog)"
        click.echo(
            f"{record['label']}\t{record['source']}\t{record['at'][:16]}\t{printable_text(record['path'])}{gone}"
        )


@command.command("doubts")
@click.option(
    "-n", "count", type=click.IntRange(1), metavar="N", default=100, show_default=True, help="Number of labels."
)
@click.option("--all", "all_labels", is_flag=True, help="Rank all labels, also those that look right.")
@json_option
@with_catalog
def doubts_(context: CatalogContext, count: int, all_labels: bool, as_json: bool) -> None:
    """List labels that look wrong, likeliest first.

    `catalog train` predicts each label from the others. To settle a doubt, label the file again, the same or not.

    \b
    Examples:
      catalog label doubts -n 20
    """
    found = suspect_labels(context.database, all_labels=all_labels)
    choices = effective_choices(context.database, context.config.state)
    records = [suspect_label_record(context.database, label, choices) for label in islice(found, count)]
    if as_json:
        echo_json_lines(records)
        return
    for record in records:
        gone = "" if record["paths"] else "\t(no file in the catalog)"
        click.echo(f"{record['p_delete']:.3f}\t{record['label']}\t{printable_text(record['path'])}{gone}")
    if not has_held_out_scores(context.database):
        click.echo("no label has been checked yet: run `catalog train` first", err=True)
    else:
        click.echo(
            f"{len(records)} of {len(found)} shown; settle each with `catalog label keep|delete PATH…`", err=True
        )


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@with_catalog
def export(context: CatalogContext, file: Path) -> None:
    """Write all labels to FILE, one per line.

    FILE is plain text that `catalog label import` reads, here or elsewhere; `-` means stdout.

    \b
    Examples:
      catalog label export labels.txt
    """
    choices = effective_choices(context.database, context.config.state).values()
    text = format_labels(choices)
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        write_label_file(file, text)
    click.echo(f"{len(choices)} label{'' if len(choices) == 1 else 's'}", err=True)


@command.command("import")
@click.argument("sources", type=ListedPath(), nargs=-1, metavar="[FILE | DIR...]")
@click.option("--keep", type=BytesPath(), multiple=True, metavar="DIR", help="Folder of images to label keep.")
@click.option("--delete", type=BytesPath(), multiple=True, metavar="DIR", help="Folder of images to label delete.")
@click.option("--classes", "tree", type=BytesPath(), metavar="DIR", help="Folder with one subfolder per class.")
@click.option("--map", "names", default="", metavar="NAME=VALUE,…", help="Label of each class: good=keep,bad=delete.")
@click.option("--xmp", is_flag=True, help="Read ratings and reject flags in XMP, of all files or those in DIR.")
@click.option(
    "--keep-at-least",
    type=click.IntRange(1, 5),
    metavar="N",
    default=4,
    show_default=True,
    help="Stars that mean keep.",
)
@click.option(
    "--delete-at-most", type=click.IntRange(1, 5), metavar="N", help="Stars that mean delete; by default none."
)
@click.option("--overwrite", is_flag=True, help="Prefer the import to labels you gave by hand.")
@json_option
@with_catalog
def import_(
    context: CatalogContext,
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
    """Import labels from a file, sorted folders or XMP.

    FILE is what `catalog label export` wrote. Images in folders (--keep, --delete, --classes) need not be in the
    catalog: they are read and embedded now, and their labels stay when the folders are gone.

    XMP of Lightroom, darktable and digiKam (--xmp): rejected means delete; accepted (digiKam), 4 and 5 stars mean
    keep. Lightroom does not write its reject flag to XMP: give rejected images a rating first.

    Labels that you gave by hand stay, unless you use --overwrite.

    \b
    Examples:
      catalog label import labels.txt
      catalog label import --keep ~/sorted/good --delete ~/sorted/bad
      catalog label import --xmp --delete-at-most 1 /srv/photos
    """
    from catalog.console import file_progress
    from catalog.label_import import run
    from catalog.label_import.folders import class_folders, parse_class_map

    if xmp + bool(keep or delete) + bool(tree) + bool(sources and not xmp) != 1:
        raise click.UsageError("name one kind of source: FILE, --keep and --delete, --classes, or --xmp")
    if set(keep) & set(delete):
        raise click.UsageError("a folder cannot be both --keep and --delete")
    if xmp:
        thresholds = _star_thresholds(keep_at_least, delete_at_most or 0)
        result = run.import_xmp(context, sources, thresholds, overwrite, file_progress)
    elif sources:
        result = run.import_text(context, _read_source(sources), overwrite)
    else:
        folders = dict.fromkeys(keep, "keep") | dict.fromkeys(delete, "delete")
        if tree is not None:
            folders = class_folders(tree, parse_class_map(names), run.ignore_rules(context))
        result = run.import_folders(context, folders, overwrite, file_progress)
    echo_json(result.record()) if as_json else print_import_result(result)


def _star_thresholds(keep_at_least: int, delete_at_most: int) -> "StarThresholds":
    from catalog.label_import.xmp import StarThresholds

    if delete_at_most >= keep_at_least:
        raise click.UsageError("--delete-at-most must be less than --keep-at-least")
    return StarThresholds(delete_at_most, keep_at_least)


def _read_source(sources: tuple[bytes, ...]) -> str:
    if len(sources) > 1:
        raise click.UsageError("import one FILE at a time")
    (source,) = sources
    remedy = "Name a file that `catalog label export` wrote, or folders with --keep and --delete."
    with resource_errors(f"cannot read {printable_path(source)}", remedy):
        data = sys.stdin.buffer.read() if source == STDIN else Path(os.fsdecode(source)).read_bytes()
    return data.decode("utf-8", "surrogateescape")
