"""`catalog model`: the bundles at hand, what they are, whether they hold here, and which one answers."""

import os
from typing import Any

import click

from catalog.cli.options import echo_json, echo_json_lines, json_option, with_catalog
from catalog.client.service import ServiceClient
from catalog.config.edit import write_setting
from catalog.context import CatalogContext
from catalog.embedding.inventory import (
    ListedBundle,
    describe_bundle,
    drop_vectors,
    list_bundles,
    remove_bundle,
    remove_engines,
)
from catalog.embedding.selection import bundle_folder, named_bundle, serving_bundle
from catalog.embedding.sessions import open_session
from catalog.errors import ResourceError, UsageError
from catalog.similarity import index_file as snapshot
from catalog.store.database import Database

EXIT_FINDINGS = 1


@click.group("model")
def command() -> None:
    """Bundles: list, look at, prove, choose, drop."""


@command.command("list")
@json_option
@with_catalog
def list_(asking: CatalogContext, as_json: bool) -> None:
    """The bundles at hand: which one answers, which one is being prepared, which can search by text."""
    found = list_bundles(asking.config, asking.database)
    if as_json:
        echo_json_lines(_record(one) for one in found)
        return
    from catalog.console import print_table

    rows = ([str(_yes_no(value)) for value in _record(one).values()] for one in found)
    print_table(("name", "id", "role", "dims", "text", "vectors", "folder", "problem"), rows, right=("dims", "vectors"))


def _record(one: ListedBundle) -> dict[str, Any]:
    bundle = one.bundle
    return {
        "name": one.name,
        "id": bundle.id if bundle else None,
        "role": one.role,
        "dims": bundle.dims if bundle else None,
        "text": getattr(bundle, "text", None) is not None,
        "vectors": one.vectors,
        "folder": str(one.folder),
        "problem": one.problem or None,
    }


def _yes_no(value: Any) -> Any:
    return {True: "yes", False: "no", None: "-"}.get(value, value) if isinstance(value, bool | None) else value


@command.command("show")
@click.argument("name", required=False)
@json_option
@with_catalog
def show(asking: CatalogContext, name: str | None, as_json: bool) -> None:
    """All that makes a vector of NAME (else of the model that answers): weights, preprocessing, versions, provider."""
    bundle = _bundle(asking, name)
    row = asking.database.row("SELECT role, provider, cosine FROM model WHERE digest = ?", bundle.id)
    role, provider, cosine = row or (None, None, None)
    found = describe_bundle(bundle) | {"role": role, "provider": provider or None, "cosine": cosine or None}
    if as_json:
        echo_json(found)
        return
    from catalog.console import print_pairs

    print_pairs(_flattened(found))


def _flattened(found: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in found.items():
        if isinstance(value, dict):
            rows += _flattened(value, f"{before}{key} ")
        elif value is not None:
            rows.append((before + key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return rows


def _bundle(asking: CatalogContext, name: str | None) -> Any:
    if name is None:
        return serving_bundle(asking.config, asking.database)
    return named_bundle(name, asking.config.state)


@command.command("check")
@click.argument("name", required=False)
@json_option
@with_catalog
def check(asking: CatalogContext, name: str | None, as_json: bool) -> int:
    """Embed the goldens of NAME (else of the model that answers) on this machine; exit code 1 if it is not attested."""
    word, ok, figures = _attest(asking, name)
    if as_json:
        echo_json(figures)
    else:
        click.echo(f"{figures['name']} {figures['id']}: {word}")
    return 0 if ok else EXIT_FINDINGS


def _attest(asking: CatalogContext, name: str | None) -> tuple[str, bool, dict[str, Any]]:
    from models.runtime.attestation import attest
    from models.runtime.text_attestation import attest_text
    from models.runtime.text_encoder import TextEncoder

    bundle = _bundle(asking, name)
    session = open_session(bundle, asking.config)
    found = attest(bundle, session)
    word, ok = found.word, found.ok
    figures = {"name": bundle.name, "id": bundle.id, "cosine": found.cosine, "provider": session.provider}
    if ok and bundle.text is not None:
        said = attest_text(bundle, TextEncoder(bundle))
        word, ok = f"{word}; {said.word}", said.ok
        figures |= {"text_cosine": said.cosine}
    return word, ok, figures | {"ok": ok, "word": word}


@command.command("use")
@click.argument("name")
@with_catalog
def use(asking: CatalogContext, name: str) -> None:
    """Have NAME embed everything afresh in the background. Till it is done, the present model goes on answering."""
    folder = bundle_folder(name, asking.config.state)
    word, ok, figures = _attest(asking, name)
    if not ok:
        raise ResourceError(f"{name} is not attested on this machine: {word}", "Nothing was changed.")
    chosen = str(folder) if "/" in name else name  # a relative path would mean another folder to the service
    write_setting(asking.config.path, "model", "bundle", chosen)
    click.echo(f"{figures['name']} {figures['id']}: {word}", err=True)
    if ServiceClient(asking.config.state).reload():
        click.echo("the service prepares it; `catalog status` tells how far it is", err=True)
    else:
        click.echo("next: `catalogd --once`, or start the service", err=True)


@command.command("drop")
@click.argument("name")
@with_catalog
def drop(asking: CatalogContext, name: str) -> None:
    """Delete the vectors of NAME, and its bundle if it was pulled. Not the model that answers, nor the next one."""
    digest = _model_digest(asking, name)
    if bundle_folder(name, asking.config.state) == bundle_folder(asking.config.model.bundle, asking.config.state):
        raise UsageError(f"{name} is what the configuration wants", "Take another one first: `catalog model use NAME`.")
    database = Database(asking.config.database, write=True)
    try:
        count, kept = drop_vectors(database, digest) if digest else (0, 0)
    finally:
        database.close()
    if digest:
        remove_engines(asking.config, digest)
        snapshot.remove_snapshot(asking.config.state, digest)
    removed = remove_bundle(asking.config, name)
    click.echo(f"{count:,} vectors deleted" + (", the bundle removed" if removed else ""), err=True)
    if kept:
        click.echo(f"{kept:,} kept: of labelled pictures that are gone, which nothing could make again", err=True)


def _model_digest(asking: CatalogContext, name: str) -> str | None:
    folder = bundle_folder(name, asking.config.state)
    for one in list_bundles(asking.config, asking.database):
        if folder == one.folder and one.bundle is not None:
            return one.bundle.id
    row = asking.database.row("SELECT digest FROM model WHERE name = ? OR digest = ?", name, name)
    if row is None and not folder.exists():
        raise ResourceError(f"there is no model {name}", "See `catalog model list`.")
    return None if row is None else str(row[0])


@command.command("pull")
@click.argument("source")
@click.option("--name", help="What to call it here (else the last part of SOURCE).")
@click.option("--revision", default="", help="A commit, tag or branch; a commit pins it for ever.")
@click.option("--digest", "sha256", default="", metavar="HEX", help="Refuse other weights than these.")
@click.option("--offline", is_flag=True, help="Use only what was fetched before.")
@with_catalog
def pull_(asking: CatalogContext, source: str, name: str | None, revision: str, sha256: str, offline: bool) -> None:
    """Fetch a prepared ONNX model from the hub (OWNER/NAME) or a folder, and make it ready for `catalog model use`."""
    from catalog.embedding.download import pull

    called = name or os.path.basename(os.path.abspath(source))
    bundle = pull(asking.config.state, source, called, revision, offline, sha256)
    word, ok, _ = _attest(asking, called)
    click.echo(f"{called} {bundle.id}: {word}", err=True)
    click.echo(
        f"next: `catalog model use {called}`" if ok else "it is not attested here, so it cannot be used", err=True
    )
