"""Fetch a prepared model: from a hub that speaks Hugging Face's protocol, or from a folder. Only this knows the hub."""

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
from models.bundle.folder import Bundle, BundleError, load_bundle
from models.bundle.schema import sha256_of
from models.convert.immich_layout import REPOSITORY_FILES

INSTALL_COMMAND = "pip install 'catalogd[models]'"
BUNDLE_PATTERNS = (
    "bundle.json",
    "*.onnx",
    "*.onnx.data",
    "tokenizer.json",
    "goldens/*",
)  # a repository that holds a bundle
BUNDLE_NAME = re.compile(r"\w[\w.+ -]*")
COMMIT_HASH = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class FetchedRepository:
    """A folder with a repository's files, and the commit they are of ("" for a folder of the owner's)."""

    folder: Path
    revision: str


def pull(state: Path, source: str, name: str, revision: str, offline: bool, sha256: str) -> Bundle:
    """Fetch `source`, make a bundle of it in the state directory under `name`, prove that it loads, and return it.

    What is half done lies beside it and is begun anew the next time; files that were fetched are not fetched again.
    Raises PlaceFault without a network or for a source that is not there, UsageFault for one that cannot be used.
    """
    if not BUNDLE_NAME.fullmatch(name) or name == DEFAULT_BUNDLE:
        raise UsageError(f"a model cannot be called {name!r}", "Take another --name: letters, digits, and -_. within.")
    target = state / MODELS / name
    if target.exists():
        raise UsageError(f"there is a model {name} already", "Take another --name, or `catalog model drop` it first.")
    fetched = fetch(source, revision, state / DOWNLOADS, offline)
    draft = target.with_name(f".{name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        bundle = _build_bundle(fetched, source, name, draft, sha256)
        os.replace(draft, target)
    except BundleError as error:
        raise UsageError(f"{source} cannot be used: {error}", "Nothing was changed.") from error
    except OSError as error:
        raise ResourceError(
            f"cannot write {draft}: {error.strerror}", "Free some space; nothing was changed."
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
            from models.convert.onnx_import import RepositoryOrigin, import_bundle
        except ModuleNotFoundError as error:
            raise ResourceError(f"{error.name} is not installed", f"To import models: {INSTALL_COMMAND}.") from error
        origin = RepositoryOrigin(source, fetched.revision)
        if not fetched.revision:
            origin = RepositoryOrigin(str(fetched.folder.resolve()), "a folder")
        import_bundle(fetched.folder, draft, name, origin)
        weights = fetched.folder / "visual" / "model.onnx"
    if sha256:
        _check_sha256(weights, sha256)
    return load_bundle(draft)


def _check_sha256(weights: Path, sha256: str) -> None:
    actual = sha256_of(weights)
    if actual != sha256.lower():
        raise BundleError(f"its weights have the SHA-256 {actual}, not the one that was asked for")


def fetch(source: str, revision: str, store: Path, offline: bool) -> FetchedRepository:
    """A folder is taken as it stands; anything else is a repository `owner/name` of the hub."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return FetchedRepository(folder, "")
    if source.startswith((".", "/", "~")) or source.count("/") != 1:
        raise ResourceError(f"there is no folder {source}", "Give a folder, or a repository as OWNER/NAME.")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the library is loaded
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"{error.name} is not installed", f"To fetch models: {INSTALL_COMMAND}; or give a folder."
        ) from error
    with _hub_errors_as_faults(source, revision, offline):
        found = snapshot_download(
            source,
            revision=revision or None,
            cache_dir=store,
            allow_patterns=[*REPOSITORY_FILES, *BUNDLE_PATTERNS],
            local_files_only=offline,
        )
    commit = Path(found).name
    if COMMIT_HASH.fullmatch(revision) and commit != revision:
        raise UsageError(f"the hub gave {commit} for {revision}", "Ask for another revision.")
    return FetchedRepository(Path(found), commit)


@contextmanager
def _hub_errors_as_faults(source: str, revision: str, offline: bool) -> Iterator[None]:
    """The hub's many errors in three words of ours."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.GatedRepoError) as error:
        what = f"{source} at {revision}" if revision else source
        raise ResourceError(
            f"the hub does not give {what}: {_first_line(error)}",
            "See its name and revision; private ones need HF_TOKEN.",
        ) from error
    except errors.HFValidationError as error:
        raise UsageError(f"{source} names no repository: {_first_line(error)}", "Give it as OWNER/NAME.") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        if offline:
            raise ResourceError(f"{source} was not fetched before", "Leave out --offline, or give a folder.") from error
        raise _unreachable(source, error) from error
    except errors.HfHubHTTPError as error:
        raise ResourceError(f"the hub refuses {source}: {_first_line(error)}", "Try again later.") from error
    except OSError as error:
        raise _unreachable(source, error) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("httpx", "httpx2", "httpcore", "httpcore2", "requests"):
            raise
        raise _unreachable(source, error) from error


def _unreachable(source: str, error: BaseException) -> ResourceError:
    return ResourceError(
        f"the hub cannot be reached for {source}: {_first_line(error)}",
        "See the network; or fetch the repository elsewhere and give its folder. What was fetched is kept.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
