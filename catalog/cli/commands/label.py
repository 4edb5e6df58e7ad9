"""`catalog label`: the owner's choices.

What an import did, in words.
"""

import os
import sys
import time
from itertools import islice
from pathlib import Path

import click

from catalog.choices.label_text import save, write_lines
from catalog.choices.labels import believed, choose, label_lines
from catalog.choices.merge import decide
from catalog.choices.suspect_labels import doubts, line, trained
from catalog.choices.targets import Named, Target, targets
from catalog.cli.options import asks, json_option, put, put_lines
from catalog.cli.params import STDIN, BytesPath, ListedPath, named_paths
from catalog.context import Asking
from catalog.errors import PlaceFault
from catalog.formatting import safe, show, text
from catalog.label_import.run import Outcome
from catalog.store.database import Database

FEW = 20  # names of a kind that are shown; --json has all


def report(outcome: Outcome) -> None:
    """Figures to stdout, what could not be done to stderr."""
    plan = outcome.plan
    click.echo(f"{outcome.files} files: {plan.count('keep')} newly keep, {plan.count('delete')} newly delete")
    for words, count in outcome.seen.items():
        click.echo(f"  {count} {words}")
    if plan.same:
        click.echo(f"  {plan.same} were labelled so already")
    conflicts = [f"{show(new.path)}: you said {old.value}, it says {new.value}" for old, new in plan.conflicts]
    _name(conflicts, "kept as you labelled them by hand (--overwrite lets the import win)")
    _name([" and ".join(show(one.path) for one in ones) for ones in plan.torn], "said to be both; not labelled")
    _name([f"{show(path)}: {why}" for path, why in outcome.refused], "could not be used")


def _name(lines: list[str], words: str) -> None:
    if lines:
        click.echo(f"  {len(lines)} {words}")
        for line in lines[:FEW]:
            click.echo(f"    {line}", err=True)
        if len(lines) > FEW:
            click.echo(f"    and {len(lines) - FEW} more; --json names all", err=True)


@click.group("label")
def command() -> None:
    """Say what to keep and what to delete, or take it back. A choice belongs to the content: every copy shares it, and
    it outlives moves, a lost disk, and the catalog itself (it is also written to a journal). Nothing is deleted by it.
    """


def _verb(value: str, short: str) -> None:
    @command.command(value, short_help=short, help=f"{short} PATH may be a pattern in quotes (`*`, `**`, `?`, `[…]`).")
    @click.argument("paths", type=ListedPath(), nargs=-1, metavar="[PATH...]")
    @click.option("--stdin", is_flag=True, help="Read a list: paths, or lines of `ls --json`; the same as `-`.")
    @click.option("-0", "nul", is_flag=True, help="The list on stdin is of paths that end with NUL.")
    @json_option
    @asks
    def verb(asking: Asking, paths: tuple[bytes, ...], stdin: bool, nul: bool, as_json: bool) -> None:
        found = targets(asking.database, _named(paths, stdin, nul))
        changed = _chosen(asking, found, value)
        if as_json:
            told = None if value == "clear" else value
            put_lines({"path": text(one.path), "sha256": one.sha256.hex(), "label": told} for one in found)
        else:
            contents = len({one.sha256 for one in found})
            already = f", {contents - changed} of them so before" if changed < contents else ""
            click.echo(f"{value}: {len(found)} named, {contents} different contents{already}", err=True)


def _named(paths: tuple[bytes, ...], stdin: bool, nul: bool) -> list[Named]:
    if not (paths or stdin or nul):
        raise click.UsageError("Missing argument 'PATH...'.")
    told = named_paths((*paths, STDIN) if stdin else paths, nul)
    return [Named(path, sha256) for path, sha256 in told.items()]


def _chosen(asking: Asking, found: list[Target], value: str) -> int:
    database = Database(asking.config.database, write=True)
    try:
        held = believed(database, asking.config.state)
        doubted = {doubt.sha256 for doubt in doubts(database)}
        choices = decide(held, doubted, found, value, time.time())
        choose(database, asking.config.state, choices)
    finally:
        database.close()
    return len(choices)


_verb("keep", "Keep these files.")
_verb("delete", "These files may be deleted.")
_verb("clear", "Take the choice back.")


@command.command("list")
@json_option
@asks
def list_(asking: Asking, as_json: bool) -> None:
    """All labels: where each came from, when, and the files that hold the content now."""
    lines = label_lines(asking.database, believed(asking.database, asking.config.state))
    if as_json:
        put_lines(lines)
        return
    for one in lines:
        gone = "" if one["paths"] else "\t(no file in the catalog)"
        click.echo(f"{one['label']}\t{one['source']}\t{one['at'][:16]}\t{safe(one['path'])}{gone}")


@command.command("doubts")
@click.option("-n", "count", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--all", "all_labels", is_flag=True, help="Rank all labels, also those that nothing speaks against.")
@json_option
@asks
def doubts_(asking: Asking, count: int, all_labels: bool, as_json: bool) -> None:
    """Labels that look wrong, the likeliest first: `catalog train` judged each by what it learned from the others.
    Label a file again, the same or otherwise, and it is not asked for any more.
    """
    found = doubts(asking.database, all_labels=all_labels)
    known = believed(asking.database, asking.config.state)
    lines = [line(asking.database, doubt, known) for doubt in islice(found, count)]
    if as_json:
        put_lines(lines)
        return
    for one in lines:
        gone = "" if one["paths"] else "\t(no file in the catalog)"
        click.echo(f"{one['p_delete']:.3f}\t{one['label']}\t{safe(one['path'])}{gone}")
    if not trained(asking.database):
        click.echo("no label was judged yet: run `catalog train` first", err=True)
    else:
        click.echo(f"{len(lines)} of {len(found)} shown; settle each with `catalog label keep|delete PATH…`", err=True)


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@asks
def export(asking: Asking, file: Path) -> None:
    """Write all labels to FILE as plain text, one a line (`-`: to stdout). `import` reads it, here or elsewhere."""
    choices = believed(asking.database, asking.config.state).values()
    words = write_lines(choices)
    if str(file) == "-":
        click.echo(words, nl=False)
    else:
        save(file, words)
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
@asks
def import_(
    asking: Asking,
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
    from catalog.console import counting
    from catalog.label_import import run
    from catalog.label_import.folders import classes, mapping
    from catalog.label_import.xmp import Scale

    if xmp + bool(keep or delete) + bool(tree) + bool(sources and not xmp) != 1:
        raise click.UsageError("name one kind of source: FILE, --keep and --delete, --classes, or --xmp")
    if set(keep) & set(delete):
        raise click.UsageError("one folder cannot say keep and delete")
    if xmp:
        scale = Scale(delete_at_most or 0, keep_at_least)
        if scale.delete_at_most >= scale.keep_at_least:
            raise click.UsageError("--delete-at-most has to be less than --keep-at-least")
        outcome = run.from_xmp(asking, sources, scale, overwrite, counting)
    elif sources:
        outcome = run.from_text(asking, _text(sources), overwrite)
    else:
        folders = dict.fromkeys(keep, "keep") | dict.fromkeys(delete, "delete")
        if tree is not None:
            folders = classes(tree, mapping(names), run.ignored(asking))
        outcome = run.from_folders(asking, folders, overwrite, counting)
    if as_json:
        put(outcome.record())
    else:
        report(outcome)


def _text(sources: tuple[bytes, ...]) -> str:
    if len(sources) > 1:
        raise click.UsageError("one FILE at a time")
    try:
        data = sys.stdin.buffer.read() if sources[0] == STDIN else Path(os.fsdecode(sources[0])).read_bytes()
    except OSError as error:
        raise PlaceFault(
            f"{show(sources[0])} cannot be read: {os.strerror(error.errno or 0).lower()}",
            "Name a file that `catalog label export` wrote, or folders with --keep and --delete.",
        ) from error
    return data.decode("utf-8", "surrogateescape")
