"""Dependencies run one way, in layers without circles; each outside library has one owner; few modules write SQL."""

import ast
import graphlib
import re

import pytest

from tests.support.source_tree import PACKAGES, imports, modules

# Outside library: the files that may import it.
OWNERS = {
    "watchdog": {"daemon/watch/observer.py"},
    "apsw": {"catalog/store/database.py"},
    "onnxruntime": {"models/runtime/onnx_session.py"},
    "tokenizers": {"models/runtime/text_encoder.py"},
    "hnswlib": {"catalog/similarity/index.py"},
    "huggingface_hub": {"catalog/embedding/download.py"},
    "onnx": {"models/convert/graph_edit.py"},
    "rich": {"catalog/console.py"},
    "simplejpeg": {"models/decode/jpeg/decoder.py"},
    "deflate": {"models/native/crc32.py"},
    "pillow_heif": {"models/decode/heif/decoder.py"},
    "tomllib": {"catalog/config/load.py", "catalog/config/edit.py"},
    "tomlkit": {"catalog/config/edit.py"},
}

# From the bottom. A module imports from its own line and from the lines before it.
LAYERS = {
    "models": (
        ("native", "recipe", "bundle", "learn", "registration"),
        ("decode",),
        ("fit", "xmp", "xmp_rating"),
        ("picture",),
        ("runtime",),
        ("convert",),
    ),
    "catalog": (
        (
            "errors",
            "exit_codes",
            "formatting",
            "crash_points",
            "sandbox",
            "console",
            "state_dir",
            "python_process",
            "json_types",
        ),
        ("config", "filesystem", "verdict", "entry_point"),
        ("journal", "client"),
        ("store",),
        ("context",),
        ("files",),
        ("choices",),
        ("embedding",),
        ("similarity",),
        ("duplicates",),
        ("heads", "label_import"),
        ("backup", "integrity"),
        ("trash", "installer"),
        ("status", "report"),
        ("cli",),
    ),
    "daemon": (
        ("messages", "stage", "stall", "writer"),
        ("host", "scan", "followers"),
        ("watch", "scrub", "intake"),
        ("embed",),
        ("api",),
        ("service",),
        ("pass_progress",),
        ("supervisor",),
        ("cli",),
        ("main",),
    ),
}
# What may decode images or run a network: everything else never loads a decoder.
MEDIA = ("models.decode", "models.picture", "models.runtime", "models.registration")
MEDIA_FREE_PARTS = (
    "models.decode.reason",
    "models.decode.pixel_digest",
    "models.decode.extension",
    "models.decode.formats",
    "models.decode.versions",
)
MEDIA_USERS = (
    "catalog/embedding/",
    "catalog/similarity/rerank.py",
    "catalog/similarity/nearest.py",
    "catalog/client/text_vectors.py",
    "catalog/report/thumbnail_worker.py",
    "catalog/cli/commands/doctor.py",
    "catalog/cli/commands/model.py",
    "catalog/cli/commands/show.py",
)
# Packages that own tables; no other module of catalog or daemon holds SQL that writes.
SQL_WRITERS = (
    *("catalog/store/", "catalog/files/", "catalog/choices/", "catalog/heads/", "catalog/integrity/"),
    "catalog/embedding/features.py",
)
WRITES = re.compile(r"\b(INSERT (OR \w+ )?INTO|UPDATE \w+ SET|UPDATE OR|DELETE FROM|REPLACE INTO)\b")


def layer_of(module: str) -> tuple[str, int] | None:
    """Return the package and the line of `a.b.c` in LAYERS; None for a bare package."""
    package, _, rest = module.partition(".")
    part = rest.split(".")[0]
    if package not in LAYERS or not part:
        return None
    return next(((package, number) for number, line in enumerate(LAYERS[package]) if part in line), None)


@pytest.mark.parametrize("package", LAYERS)
def test_every_part_of_a_package_is_in_a_layer(package: str) -> None:
    parts = {m.file.split("/")[1].removesuffix(".py") for m in modules(package)} - {"__init__"}
    listed = [part for line in LAYERS[package] for part in line]
    assert len(listed) == len(set(listed))
    assert parts - {"default"} == set(listed)


@pytest.mark.parametrize("package", LAYERS)
def test_no_import_goes_up(package: str) -> None:
    wrong = []
    for module in modules(package):
        here = layer_of(module.file.removesuffix(".py").replace("/", "."))
        if here is None:
            continue
        for found in imports(module):
            there = layer_of(found.module)
            if there is not None and there[0] == package and there[1] > here[1]:
                wrong.append(str(found))
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    every = {m.file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): m for m in modules(package)}
    edges = {
        name: {found.module for found in imports(module) if found.module in every and found.module != name}
        for name, module in every.items()
    }
    packages = {name for name, module in every.items() if module.file.endswith("__init__.py")}
    for name in edges:  # `from package import module` names both
        edges[name] -= packages
    try:
        tuple(graphlib.TopologicalSorter(edges).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"circle: {error.args[1]}")


def test_packages_do_not_depend_on_each_other_in_a_circle() -> None:
    """Also where no two modules do: packages of one line must be in an order."""
    for package in LAYERS:
        edges: dict[str, set[str]] = {}
        for module in modules(package):
            own = _part(module.file.removesuffix(".py").replace("/", "."))
            used = {_part(found.module) for found in imports(module) if found.module.startswith(f"{package}.")}
            edges.setdefault(own, set()).update(used - {own, ""})
        edges.pop("", None)
        tuple(graphlib.TopologicalSorter(edges).static_order())


def test_verdicts_know_no_database_no_disk_and_no_clock() -> None:
    allowed = {"catalog.verdict", "models"}
    forbidden = {"os", "time", "datetime", "sqlite3", "pathlib"}
    for module in modules("catalog/verdict"):
        for found in imports(module):
            root = found.module.split(".")[0]
            assert root not in forbidden, found
            assert root not in ("catalog", "daemon") or found.module.startswith(tuple(allowed)), found


def test_only_the_command_line_knows_click() -> None:
    users = {found.file for m in modules("catalog", "daemon") for found in imports(m) if found.module == "click"}
    assert {user for user in users if not user.startswith("catalog/cli/")} == {
        "catalog/entry_point.py",
        "daemon/cli.py",
    }


def test_the_service_takes_only_parameter_types_from_the_command_line() -> None:
    wrong = [
        str(found)
        for module in modules("daemon")
        for found in imports(module)
        if found.module.startswith("catalog.cli.") and not found.module.startswith("catalog.cli.params")
    ]
    assert wrong == []


def test_decoders_and_the_runtime_are_loaded_where_images_are_read() -> None:
    wrong = [
        str(found)
        for module in modules("catalog")
        for found in imports(module)
        if found.module.startswith(MEDIA) and not found.module.startswith(MEDIA_FREE_PARTS) and not found.typing
        if found.module != "models.decode" and not module.file.startswith(MEDIA_USERS)
    ]
    assert wrong == []


def test_only_the_owners_of_tables_write_sql() -> None:
    writers = {
        module.file
        for module in modules("catalog", "daemon")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and WRITES.search(node.value)
    }
    assert {writer for writer in writers if not writer.startswith(SQL_WRITERS)} == set()
    assert len(writers) > 10


def _part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_the_packages_below_it(package: str) -> None:
    above = PACKAGES[PACKAGES.index(package) + 1 :]
    wrong = [
        str(found) for module in modules(package) for found in imports(module) if found.module.split(".")[0] in above
    ]
    assert wrong == []


def test_nothing_imports_the_tests() -> None:
    wrong = [str(found) for m in modules(*PACKAGES) for found in imports(m) if found.module.split(".")[0] == "tests"]
    assert wrong == []


@pytest.mark.parametrize("library", OWNERS)
def test_an_outside_library_has_one_owner(library: str) -> None:
    users = {
        found.file
        for module in modules("models", "catalog", "daemon")
        for found in imports(module)
        if found.module.split(".")[0] == library
    }
    assert users == OWNERS[library]


def test_only_the_stage_list_and_the_way_in_know_the_service() -> None:
    knows = {
        found.file
        for module in modules("daemon")
        for found in imports(module)
        if found.module == "daemon.service" and not found.typing
    }
    assert knows <= {"daemon/supervisor.py"}


def test_stages_do_not_know_one_another() -> None:
    """Each may lean on the parts it is made of, and hand changes to the one writer; the service joins them, and the
    successor, which is a second, smaller assembly beside it.
    """
    assemblies = {"daemon/service.py", "daemon/embed/next_model.py", "daemon/supervisor.py"}
    stages = {
        "daemon.api.server",
        "daemon.embed.batcher",
        "daemon.followers.index",
        "daemon.followers.nightly_backup",
        "daemon.intake.pool",
        "daemon.scan.scheduler",
        "daemon.scrub.stage",
        "daemon.watch.hint_follower",
        "daemon.watch.reconciler",
    }
    listed = {
        found.module for module in modules("daemon") if module.file == "daemon/service.py" for found in imports(module)
    }
    assert stages <= listed, "a stage has another name now: mend this test"
    wrong = [
        str(found)
        for module in modules("daemon")
        for found in imports(module)
        if found.module in stages and not found.typing and module.file not in assemblies
    ]
    assert wrong == []
