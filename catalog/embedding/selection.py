"""Where bundles lie, and which one answers: the one that made the vectors, even while another is being prepared."""

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
    """The folder of a bundle: `default`, the name of one that was pulled into the state directory, or a path."""
    if name == DEFAULT_BUNDLE:
        return default_folder()
    return Path(os.path.abspath(Path(name).expanduser())) if "/" in name else state / MODELS / name


def named_bundle(name: str, state: Path) -> Bundle:
    """The bundle that a person named. Raises PlaceFault where there is none, with what may have been meant."""
    folder = bundle_folder(name, state)
    if not folder.is_dir():
        meant = f"The folder is ./{name}, with the slash. " if Path(name).is_dir() else ""
        raise ResourceError(f"there is no model {name}", f"{meant}`catalog model list` names those that are at hand.")
    if (folder / "visual" / "model.onnx").is_file() and not (folder / "bundle.json").exists():
        remedy = f"Have one made of it: `catalog model pull {name}`."
        raise ResourceError(f"{name} is a prepared repository and no bundle yet", remedy)
    return open_bundle(folder)


def configured_bundle(config: Config) -> Bundle:
    """The bundle that the configuration names. Raises PlaceFault where it is absent or altered."""
    return open_bundle(bundle_folder(config.model.bundle, config.state))


def open_bundle(folder: Path) -> Bundle:
    """Raises PlaceFault for a bundle that is absent or altered."""
    try:
        return load_bundle(folder)
    except BundleError as error:
        remedy = "See `catalog model list`; `catalog model use default` takes the embedded one."
        raise ResourceError(str(error), remedy) from error


def serving_bundle(config: Config, database: Database) -> Bundle:
    """The bundle of the current model: a question has to be put in the terms of the vectors that answer it."""
    held = current_model(database)
    try:
        wanted = configured_bundle(config)
    except ResourceError:
        if held is None or held.folder is None:
            raise
        return open_bundle(Path(held.folder))
    if held is None or held.folder is None or held.digest == wanted.id:
        return wanted
    return open_bundle(Path(held.folder))


def bundle_of(config: Config, database: Database, model: Model) -> Bundle:
    """Return the bundle that made this model's vectors; no other one is comparable. Raises PlaceFault if it is gone."""
    bundle = serving_bundle(config, database)
    if bundle.id != model.digest:
        raise ResourceError(
            f"the bundle of the model {model.name} is not there", "Let `catalogd --once` embed anew first."
        )
    return bundle
