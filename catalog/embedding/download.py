"""Fetch a prepared model from a Hugging Face hub or from a folder. The only module that talks to the hub."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.embedding.selection import DEFAULT_BUNDLE
from catalog.errors import ResourceError, UsageError
from catalog.state_dir import DOWNLOADS, MODELS
from models.bundle.folder import Bundle, BundleError, ModelSource, load_bundle
from models.bundle.schema import sha256_of
from models.convert.immich_layout import REPOSITORY_FILES

INSTALL_COMMAND = "pip install 'catalogd[models]'"
# The files of a repository that contains a bundle.
BUNDLE_PATTERNS = ("bundle.json", "*.onnx", "*.onnx.data", "tokenizer.json", "goldens/*")
BUNDLE_NAME = re.compile(r"\w[\w.+ -]*")
COMMIT_HASH = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class FetchedRepository:
    """A folder with a repository's files, and their commit ("" for a local folder)."""

    folder: Path
    revision: str


def pull(state: Path, source: str, name: str, revision: str, offline: bool, sha256: str) -> Bundle:
    """Fetch `source`, build a bundle from it in the state directory under `name`, check that it loads, and return it.

    The bundle is built in a draft folder beside its target, which is rebuilt after an interruption. Files that were
    fetched before are not fetched again. Raises ResourceError if there is no network, or the source does not exist.
    Raises UsageError if the source cannot be used.
    """
    if not BUNDLE_NAME.fullmatch(name) or name == DEFAULT_BUNDLE:
        raise UsageError(
            f"{name!r} is not a valid model name", "Choose another --name: letters, digits, and -_. within it."
        )
    target = state / MODELS / name
    if target.exists():
        raise UsageError(
            f"the model {name} already exists", "Choose another --name, or run `catalog model drop` first."
        )
    fetched = fetch(source, revision, state / DOWNLOADS, offline)
    draft = target.with_name(f".{name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        bundle = _build_bundle(fetched, source, name, draft, sha256)
        os.replace(draft, target)
    except BundleError as error:
        raise UsageError(f"{source} cannot be used: {error}", "Nothing was changed. Choose another model.") from error
    except OSError as error:
        raise ResourceError(
            f"cannot write {draft}: {error.strerror}", "Nothing was changed. Free some space."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return bundle if bundle.folder == target else load_bundle(target)


def _build_bundle(fetched: FetchedRepository, source: str, name: str, draft: Path, sha256: str) -> Bundle:
    if (fetched.folder / "bundle.json").exists():
        shutil.copytree(fetched.folder, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
        weights = draft / "model.onnx"
    else:
        try:
            from models.convert.onnx_import import import_bundle
        except ModuleNotFoundError as error:
            raise ResourceError(
                f"{error.name} is not installed", f"To import models, run: {INSTALL_COMMAND}"
            ) from error
        origin = ModelSource("onnx", source, fetched.revision)
        if not fetched.revision:
            origin = ModelSource("onnx", str(fetched.folder.resolve()), "a folder")
        import_bundle(fetched.folder, draft, name, origin)
        weights = fetched.folder / "visual" / "model.onnx"
    if sha256:
        _check_sha256(weights, sha256)
    return load_bundle(draft)


def _check_sha256(weights: Path, sha256: str) -> None:
    actual = sha256_of(weights)
    if actual != sha256.lower():
        raise BundleError(f"the SHA-256 of its weights is {actual}, not {sha256.lower()}")


def fetch(source: str, revision: str, store: Path, offline: bool) -> FetchedRepository:
    """Return a local folder unchanged, or download the repository `owner/name` from the hub."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return FetchedRepository(folder, "")
    if source.startswith((".", "/", "~")) or source.count("/") != 1:
        raise ResourceError(f"the folder {source} does not exist", "Give a folder, or a repository as OWNER/NAME.")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read on import
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"{error.name} is not installed", f"Give a folder; or, to fetch models, run: {INSTALL_COMMAND}"
        ) from error
    with _translated_hub_errors(source, revision, offline):
        snapshot = snapshot_download(
            source,
            revision=revision or None,
            cache_dir=store,
            allow_patterns=[*REPOSITORY_FILES, *BUNDLE_PATTERNS],
            local_files_only=offline,
        )
    commit = Path(snapshot).name
    if COMMIT_HASH.fullmatch(revision) and commit != revision:
        raise UsageError(f"the hub returned commit {commit} instead of {revision}", "Request another revision.")
    return FetchedRepository(Path(snapshot), commit)


@contextmanager
def _translated_hub_errors(source: str, revision: str, offline: bool) -> Iterator[None]:
    """Raise the hub library's many exceptions as ResourceError or UsageError."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.GatedRepoError) as error:
        requested = f"{source} at {revision}" if revision else source
        raise ResourceError(
            f"the hub does not provide {requested}: {_first_line(error)}",
            "Check its name and revision; a private repository needs HF_TOKEN.",
        ) from error
    except errors.HFValidationError as error:
        raise UsageError(
            f"{source} is not a repository name: {_first_line(error)}", "Give it as OWNER/NAME."
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        if offline:
            raise ResourceError(f"{source} has not been fetched before", "Omit --offline, or give a folder.") from error
        raise _unreachable(source, error) from error
    except errors.HfHubHTTPError as error:
        raise ResourceError(f"the hub refused {source}: {_first_line(error)}", "Try again later.") from error
    except OSError as error:
        raise _unreachable(source, error) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("httpx", "httpx2", "httpcore", "httpcore2", "requests"):
            raise
        raise _unreachable(source, error) from error


def _unreachable(source: str, error: BaseException) -> ResourceError:
    return ResourceError(
        f"the hub cannot be reached for {source}: {_first_line(error)}",
        "Files fetched so far are kept. Check the network, or fetch the repository elsewhere and give its folder.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
