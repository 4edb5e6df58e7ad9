"""`catalog model`: list, inspect, check, choose, fetch and drop models."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import click

from catalog import exit_codes
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
from catalog.similarity.index_file import remove_snapshot
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.models import BundleCheckJson, BundleDetailsJson, BundleJson
    from models.bundle.folder import Bundle


@click.group("model")
def command() -> None:
    """List, inspect, check, choose and drop models.

    \b
    Examples:
      catalog model list
      catalog model pull immich-app/ViT-B-32__openai
      catalog model use ViT-B-32__openai
    """


@command.command("list")
@json_option
@with_catalog
def list_(context: CatalogContext, as_json: bool) -> None:
    """List the models.

    Shows which one is current, which is next, and which can search by text.

    \b
    Examples:
      catalog model list
    """
    bundles = list_bundles(context.config, context.database)
    if as_json:
        echo_json_lines(map(_record, bundles))
        return
    from catalog.console import print_table

    rows = ([_cell(value) for value in _record(bundle).values()] for bundle in bundles)
    print_table(("name", "id", "role", "dims", "text", "vectors", "folder", "problem"), rows, right=("dims", "vectors"))


def _record(listed: ListedBundle) -> "BundleJson":
    bundle = listed.bundle
    return {
        "name": listed.name,
        "id": bundle.id if bundle else None,
        "role": listed.role,
        "dims": bundle.dims if bundle else None,
        "text": getattr(bundle, "text", None) is not None,
        "vectors": listed.vectors,
        "folder": str(listed.folder),
        "problem": listed.problem or None,
    }


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


@command.command("show")
@click.argument("name", required=False)
@json_option
@with_catalog
def show(context: CatalogContext, name: str | None, as_json: bool) -> None:
    """Show what determines a model's vectors.

    Prints weights, preprocessing, versions and provider of NAME, or of the current model.

    \b
    Examples:
      catalog model show
      catalog model show default --json
    """
    details = _details(context, _bundle(context, name))
    if as_json:
        echo_json(details)
        return
    from catalog.console import print_pairs

    print_pairs(_flattened(details))


def _details(context: CatalogContext, bundle: "Bundle") -> "BundleDetailsJson":
    row = context.database.row("SELECT role, provider, cosine FROM model WHERE digest = ?", bundle.id)
    role, provider, cosine = row or (None, None, None)
    used = {"role": role, "provider": provider or None, "cosine": cosine or None}
    return cast("BundleDetailsJson", describe_bundle(bundle) | used)


def _flattened(record: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in record.items():
        if isinstance(value, dict):
            rows += _flattened(value, f"{prefix}{key} ")
        elif value is not None:
            rows.append((prefix + key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return rows


def _bundle(context: CatalogContext, name: str | None) -> "Bundle":
    if name is None:
        return serving_bundle(context.config, context.database)
    return named_bundle(name, context.config.state)


@command.command("check")
@click.argument("name", required=False)
@json_option
@with_catalog
def check(context: CatalogContext, name: str | None, as_json: bool) -> int:
    """Check that a model reproduces its golden vectors.

    Embeds the golden images of NAME, or of the current model, on this machine. The exit code is 1 if the vectors
    differ.

    \b
    Examples:
      catalog model check
      catalog model check ViT-B-32__openai
    """
    result = _attest(context, name)
    if as_json:
        echo_json(result)
    else:
        click.echo(f"{result['name']} {result['id']}: {result['word']}")
    return exit_codes.OK if result["ok"] else exit_codes.FINDINGS


def _attest(context: CatalogContext, name: str | None) -> "BundleCheckJson":
    from models.runtime.attestation import attest
    from models.runtime.text_attestation import attest_text
    from models.runtime.text_encoder import TextEncoder

    bundle = _bundle(context, name)
    session = open_session(bundle, context.config)
    image = attest(bundle, session)
    result: BundleCheckJson = {
        "name": bundle.name,
        "id": bundle.id,
        "cosine": image.cosine,
        "provider": session.provider,
        "ok": image.ok,
        "word": image.message,
    }
    if image.ok and bundle.text is not None:
        text = attest_text(bundle, TextEncoder(bundle))
        result["text_cosine"] = text.cosine
        result["ok"] = text.ok
        result["word"] = f"{image.message}; {text.message}"
    return result


@command.command("use")
@click.argument("name")
@with_catalog
def use(context: CatalogContext, name: str) -> None:
    """Switch to another model.

    NAME embeds all images in the background; the current model answers until that is finished.

    \b
    Examples:
      catalog model use ViT-B-32__openai
      catalog model use default
    """
    folder = bundle_folder(name, context.config.state)
    result = _attest(context, name)
    if not result["ok"]:
        raise ResourceError(
            f"{name} does not reproduce its golden vectors on this machine: {result['word']}", "Nothing was changed."
        )
    setting = str(folder) if "/" in name else name  # a relative path would mean another folder to the service
    write_setting(context.config.path, "model", "bundle", setting)
    click.echo(f"{result['name']} {result['id']}: {result['word']}", err=True)
    if ServiceClient(context.config.state).reload():
        click.echo("the service is preparing it; `catalog status` shows the progress", err=True)
    else:
        click.echo("next: `catalogd --once`, or start the service", err=True)


@command.command("drop")
@click.argument("name")
@with_catalog
def drop(context: CatalogContext, name: str) -> None:
    """Delete a model's vectors, and its files if they were pulled.

    The current and the next model cannot be dropped.

    \b
    Examples:
      catalog model drop ViT-B-32__openai
    """
    digest = _model_digest(context, name)
    config = context.config
    if bundle_folder(name, config.state) == bundle_folder(config.model.bundle, config.state):
        raise UsageError(f"{name} is the model in the configuration", "Choose another first: `catalog model use NAME`.")
    with Database(config.database, write=True) as database:
        count, kept = drop_vectors(database, digest) if digest else (0, 0)
    if digest:
        remove_engines(config, digest)
        remove_snapshot(config.state, digest)
    removed = remove_bundle(config, name)
    click.echo(f"{count:,} vectors deleted" + (", files removed" if removed else ""), err=True)
    if kept:
        click.echo(f"{kept:,} kept: labelled images that are gone, whose vectors cannot be computed again", err=True)


def _model_digest(context: CatalogContext, name: str) -> str | None:
    folder = bundle_folder(name, context.config.state)
    for listed in list_bundles(context.config, context.database):
        if folder == listed.folder and listed.bundle is not None:
            return listed.bundle.id
    digests = context.database.rows("SELECT digest FROM model WHERE name = ? OR digest = ? LIMIT 1", name, name)
    if not digests and not folder.exists():
        raise ResourceError(f"there is no model {name}", "See `catalog model list`.")
    return next((str(digest) for (digest,) in digests), None)


@command.command("pull")
@click.argument("source")
@click.option("--name", help="Local name (else the last part of SOURCE).")
@click.option("--revision", default="", help="Commit, tag or branch; only a commit never changes.")
@click.option("--digest", "sha256", default="", metavar="HEX", help="SHA-256 of the weights; others are refused.")
@click.option("--offline", is_flag=True, help="Use only what was downloaded before.")
@with_catalog
def pull_(context: CatalogContext, source: str, name: str | None, revision: str, sha256: str, offline: bool) -> None:
    """Fetch a model from the Hugging Face hub or a folder.

    SOURCE is OWNER/NAME or a folder with an ONNX model in the layout that Immich publishes. Switch to it with
    `catalog model use`.

    \b
    Examples:
      catalog model pull immich-app/ViT-B-32__openai
      catalog model pull --name siglip2 immich-app/ViT-B-16-SigLIP2__webli
    """
    from catalog.embedding.download import pull

    local_name = name or os.path.basename(os.path.abspath(source))
    bundle = pull(context.config.state, source, local_name, revision, offline, sha256)
    result = _attest(context, local_name)
    click.echo(f"{local_name} {bundle.id}: {result['word']}", err=True)
    advice = f"next: `catalog model use {local_name}`"
    click.echo(advice if result["ok"] else "it cannot be used on this machine", err=True)
