"""Dependencies run one way, and each outside library has one room that knows it."""

import pytest

from tests.support.source_tree import ROOMS, imports, modules

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


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    above = ROOMS[ROOMS.index(room) + 1 :]
    wrong = [str(found) for module in modules(room) for found in imports(module) if found.module.split(".")[0] in above]
    assert wrong == []


def test_nothing_imports_the_tests() -> None:
    wrong = [str(found) for m in modules(*ROOMS) for found in imports(m) if found.module.split(".")[0] == "tests"]
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
