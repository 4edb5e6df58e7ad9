"""`catalog root`: list, add, rename and forget roots."""

import time
from typing import TYPE_CHECKING

import click

from catalog.cli.options import config_option, echo_json_lines, json_option, named_config_file, say, with_catalog
from catalog.cli.params import BytesPath
from catalog.cli.prompt import confirm
from catalog.cli.root_setup import require_directory, set_up_roots
from catalog.client.process import service_running
from catalog.client.service import ServiceClient
from catalog.config.edit import remove_root, replace_root
from catalog.config.load import Config, check_roots, load_config
from catalog.context import CatalogContext
from catalog.errors import StoreError, UsageError
from catalog.files.forget_root import forget_root, root_contents
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.volume_identity import observe_volume
from catalog.formatting import path_text, printable_path
from catalog.store.database import Database
from catalog.store.roots import drop_root, is_same_root, move_root
from catalog.store.volumes import Volume, adopt_volume, all_volumes

if TYPE_CHECKING:
    from catalog.json_types.status import ListedRootJson

FILE_COUNTS_SQL = (
    "SELECT coalesce(v.root, v.id), sum(t.files) FROM tally t JOIN volume v ON v.id = t.volume WHERE t.state != 'gone'"
    " GROUP BY 1"
)
RELOAD_SECONDS = 30.0  # for a running service to follow a changed configuration


@click.group("root")
def command() -> None:
    """List, add, rename and forget roots.

    A root that you take out of `roots` in the configuration is dropped: it keeps all that is known about its files, and
    has it again when you write it back. `forget` deletes that.

    \b
    Examples:
      catalog root add /srv/scans
      catalog root rename /mnt/usb /mnt/photos
      catalog root forget /mnt/old
    """


@command.command("list")
@json_option
@with_catalog
def list_(context: CatalogContext, as_json: bool) -> None:
    """List the roots, dropped ones too.

    Shows the number of files, the state, and what each root is recognised by: its marker or its filesystem.

    \b
    Examples:
      catalog root list
      catalog root list --json
    """
    records = _listed_roots(context)
    if as_json:
        echo_json_lines(records)
        return
    from catalog.console import print_table

    rows = [
        (record["path"], f"{record['files']:,}", record["state"], record["guard"] or "-", record["reason"] or "-")
        for record in records
    ]
    print_table(("path", "files", "state", "recognised by", "reason"), rows, right=("files",))


def _listed_roots(context: CatalogContext) -> "list[ListedRootJson]":
    database, configured = context.database, context.config.roots
    files: dict[int, int] = dict(database.rows(FILE_COUNTS_SQL))
    known = [volume for volume in all_volumes(database) if volume.kind == "root"]
    records = [_record(volume, files.get(volume.id, 0), volume.path in configured) for volume in known]
    known_paths = {volume.path for volume in known}
    records += [_new_record(path) for path in configured if path not in known_paths]
    return sorted(records, key=lambda record: record["path"])


def _known_root(database: Database, path: bytes) -> Volume | None:
    return next((volume for volume in all_volumes(database) if (volume.path, volume.kind) == (path, "root")), None)


def _record(volume: Volume, files: int, configured: bool) -> "ListedRootJson":
    state = "present" if volume.away is None else "held" if volume.held and volume.in_place else "unreachable"
    return {
        "path": path_text(volume.path),
        "state": state if configured and not volume.dropped else "dropped",
        "reason": volume.away,
        "files": files,
        "guard": volume.identity.partition("=")[0] or None,
        "since": volume.since,
    }


def _new_record(path: bytes) -> "ListedRootJson":
    reason = "not scanned yet"
    return {"path": path_text(path), "state": "new", "reason": reason, "files": 0, "guard": None, "since": None}


@command.command("add")
@click.argument("roots", type=BytesPath(), nargs=-1, required=True, metavar="ROOT...")
@config_option
@click.pass_context
def add(ctx: click.Context, roots: tuple[bytes, ...], config_file: str | None) -> None:
    """Add directories as roots, or take dropped ones back.

    Puts a marker into each ROOT and writes it into the configuration. A dropped root is taken back with all that is
    known about it; one that was at another path has moved.

    \b
    Examples:
      catalog root add /srv/scans
      catalog root add /mnt/usb1 /mnt/usb2
    """
    config = load_config(named_config_file(ctx, config_file))
    set_up_roots(config.path, config, roots, lambda: config.state)
    for root in roots:
        say(f"root: {printable_path(root)}")
    _tell_service(config)


@command.command("rename")
@click.argument("old", type=BytesPath())
@click.argument("new", type=BytesPath())
@with_catalog
def rename(context: CatalogContext, old: bytes, new: bytes) -> None:
    """Give a root another path.

    Run it after the disk of OLD was mounted at NEW instead, or the directory was renamed. Its files keep all that is
    known about them, and none is read again.

    \b
    Examples:
      catalog root rename /mnt/usb /mnt/photos
    """
    config = context.config
    root = next(
        (volume for volume in all_volumes(context.database) if (volume.path, volume.kind) == (old, "root")), None
    )
    if root is None:
        raise UsageError(f"{printable_path(old)} is not a known root", "See `catalog root list`.")
    if new in config.roots:
        raise UsageError(
            f"{printable_path(new)} is a root already", "Name the old path first. See `catalog root list`."
        )
    require_directory(new)
    check_roots(tuple(new if path == old else path for path in config.roots))
    if not is_same_root(context.database, root, new, read_mounts()):
        raise UsageError(
            f"{printable_path(new)} does not hold the files of {printable_path(old)}: nothing was changed",
            "Check the path. `catalog root add` takes in another collection, `catalog root forget` ends this one.",
        )
    if old in config.roots:
        replace_root(config.path, old, new)
    else:
        set_up_roots(config.path, config, (new,), lambda: config.state)
    with Database(config.database, write=True) as database:
        _move(database, root.id, new)
    say(f"{printable_path(old)} is {printable_path(new)} now: its files keep all that is known about them")
    _tell_service(config)


def _move(database: Database, id_: int, new: bytes) -> None:
    """Move the root's rows, unless the running service has done so already."""
    with database.transaction():
        root = next((volume for volume in all_volumes(database) if volume.id == id_), None)
        if root is None or root.path == new:
            return
        if not move_root(database, root, new, time.time()):
            raise UsageError(
                f"other files are known at {printable_path(new)}, so that its path is taken",
                f"If you gave them up: `catalog root forget {printable_path(new)}`.",
            )
        adopt_volume(database, new, "root", observe_volume(new, read_mounts()), time.time())


@command.command("forget")
@click.argument("path", type=BytesPath())
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_catalog
def forget(context: CatalogContext, path: bytes, yes: bool) -> None:
    """Delete what the catalog knows about a root.

    Takes PATH out of the configuration, too. No file on disk is touched. Your labels stay, since they belong to the
    bytes of an image wherever it is.

    \b
    Examples:
      catalog root forget /mnt/old
      catalog root forget --yes /mnt/old
    """
    config = context.config
    root = _known_root(context.database, path)
    if root is None and path not in config.roots:
        raise UsageError(f"{printable_path(path)} is not a known root", "See `catalog root list`.")
    if root is not None:
        found = root_contents(context.database, root)
        say(
            f"{printable_path(path)}: files with their history: {found.files:,}; images that are on no other root:"
            f" {found.vectors:,}; labels, which stay: {found.labels:,}"
        )
    if not confirm(
        f"Forget {printable_path(path)}? No file is deleted from disk.",
        yes=yes,
        remedy="Repeat the command with --yes.",
    ):
        say("nothing was changed")
        return
    if path in config.roots:
        config = remove_root(config.path, path)
    if root is not None:
        _drop(config, root)
        with Database(config.database, write=True) as database:
            say(f"forgot {forget_root(database, path):,} files")


def _drop(config: Config, root: Volume) -> None:
    """Have the root dropped: by the running service, which would take it for a present one, or else here."""
    if ServiceClient(config.state).reload():
        deadline = time.monotonic() + RELOAD_SECONDS
        while not _is_dropped(config, root.path):
            if time.monotonic() > deadline:
                raise StoreError(
                    "the running service does not follow the configuration; nothing was forgotten",
                    "See its log, or stop it; then repeat the command.",
                )
            time.sleep(0.2)
        return
    with Database(config.database, write=True) as database, database.transaction():
        drop_root(database, root, time.time())


def _is_dropped(config: Config, path: bytes) -> bool:
    with Database(config.database, write=False) as database:
        return all(volume.dropped for volume in all_volumes(database) if volume.path == path)


def _tell_service(config: Config) -> None:
    if ServiceClient(config.state).reload():
        say("the running service follows the new configuration")
    elif service_running(config.state):
        say("next: `systemctl reload catalogd`, so that the running service follows")
    else:
        say("next: `catalogd --once`, or start the service")
