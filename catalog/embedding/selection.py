"""Find model bundles, and select the one that serves queries: the one that made the vectors, until another is ready."""

import os
from pathlib import Path

from catalog.config.load import Config
from catalog.errors import ResourceError
from catalog.state_dir import MODELS
from catalog.store.database import Database
from catalog.store.models import Model, current_model
from models.bundle.folder import Bundle, BundleError, default_folder, load_bundle

DEFAULT_BUNDLE = "default"


def bundle_folder(name: str, state: Path) -> Path:
    """Return the folder of a bundle, given as `default`, the name of a pulled bundle, or a path."""
    if name == DEFAULT_BUNDLE:
        return default_folder()
    return Path(os.path.abspath(Path(name).expanduser())) if "/" in name else state / MODELS / name


def named_bundle(name: str, state: Path) -> Bundle:
    """Return the bundle that the user named. Raises ResourceError; the remedy suggests what may have been meant."""
    folder = bundle_folder(name, state)
    if not folder.is_dir():
        hint = f"For the folder, write ./{name}. " if Path(name).is_dir() else ""
        raise ResourceError(f"there is no model {name}", f"{hint}`catalog model list` shows the available models.")
    if (folder / "visual" / "model.onnx").is_file() and not (folder / "bundle.json").exists():
        remedy = f"Build one with `catalog model pull {name}`."
        raise ResourceError(f"{name} is a model repository, not a bundle", remedy)
    return open_bundle(folder)


def configured_bundle(config: Config) -> Bundle:
    """Return the bundle that the configuration names. Raises ResourceError if it is missing or altered."""
    return open_bundle(bundle_folder(config.model.bundle, config.state))


def open_bundle(folder: Path) -> Bundle:
    """Return the bundle in this folder. Raises ResourceError if it is missing or altered."""
    try:
        return load_bundle(folder)
    except BundleError as error:
        remedy = "See `catalog model list`. `catalog model use default` selects the embedded one."
        raise ResourceError(str(error), remedy) from error


def serving_bundle(config: Config, database: Database) -> Bundle:
    """Return the bundle of the current model: a query must be embedded by the model that made the stored vectors."""
    model = current_model(database)
    try:
        configured = configured_bundle(config)
    except ResourceError:
        if model is None or model.folder is None:
            raise
        return open_bundle(Path(model.folder))
    if model is None or model.folder is None or model.digest == configured.id:
        return configured
    return open_bundle(Path(model.folder))


def bundle_of(config: Config, database: Database, model: Model) -> Bundle:
    """Return the bundle that made this model's vectors; no other bundle's are comparable. Raises ResourceError."""
    bundle = serving_bundle(config, database)
    if bundle.id != model.digest:
        raise ResourceError(
            f"the bundle of the model {model.name} is missing", "Run `catalogd --once` to embed everything again."
        )
    return bundle
