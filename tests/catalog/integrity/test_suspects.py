"""Suspects: `ok` files that may be damaged are listed, counted, and not chosen as the copy to keep."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from catalog.duplicates.groups import near_duplicates
from catalog.files.queries import FileFilter, count_suspects, matching_entries
from tests.support.catalog_rows import DIMS, CatalogBuilder
from tests.support.running_service import RunningService, picture

REASON = "grey from row 300 of 3000"


def test_suspects_are_listed_with_their_reason_unless_gone(tmp_path: Path) -> None:
    builder = CatalogBuilder(tmp_path)
    sick = builder.add_content("sick", format="jpeg", suspect=REASON)
    builder.add_file(b"a.jpg", sick)
    builder.add_file(b"copy.jpg", sick)
    builder.add_file(b"well.jpg", builder.add_content("well", format="jpeg"))
    builder.add_file(b"lost.jpg", builder.add_content("lost", suspect=REASON), state="gone")
    builder.add_file(b"worse.jpg", builder.add_content("worse", suspect=REASON), state="rejected")
    found = list(matching_entries(builder.db, FileFilter(suspect=True)))
    assert [(entry.name, entry.state, entry.reason, entry.detail) for entry in found] == [
        (b"a.jpg", "ok", "suspect", REASON),
        (b"copy.jpg", "ok", "suspect", REASON),
    ]
    assert count_suspects(builder.db) == 2
    every = {entry.name: (entry.state, entry.reason) for entry in matching_entries(builder.db, FileFilter())}
    assert every[b"a.jpg"] == ("ok", "suspect")
    assert every[b"well.jpg"] == ("ok", None)
    assert every[b"worse.jpg"] == ("rejected", "damaged")
    for wanted, count in ((FileFilter(suspect=True, name="COPY"), 1), (FileFilter(suspect=True, format="png"), 0)):
        assert len(list(matching_entries(builder.db, wanted))) == count
    for folder, count in ((b"/r", 2), (b"/", 2), (b"/r/sub", 0), (b"/elsewhere", 0)):
        assert len(list(matching_entries(builder.db, FileFilter(suspect=True, below=folder)))) == count, folder


def test_of_two_near_duplicates_the_sound_one_is_kept(tmp_path: Path) -> None:
    builder = CatalogBuilder(tmp_path)
    look = np.eye(DIMS, dtype=np.float32)[0]
    builder.add_image("large but grey below", look, width=4000, height=3000, suspect=REASON)
    builder.add_image("sound", look, width=800, height=600)
    (group,) = near_duplicates(builder.db, 1, 0.9, tmp_path)
    assert group.keep == b"/r/sound"


def test_a_damaged_bitmap_is_embedded_listed_and_counted(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    try:
        out = BytesIO()
        Image.open(BytesIO(picture(1))).convert("RGB").save(out, "BMP")
        sound = out.getvalue()
        root = service.path()
        (root / "sound.bmp").write_bytes(sound)
        (root / "shifted.bmp").write_bytes(sound[:900] + b"x" + sound[900:])
        done = service.once()
        assert done.returncode == 0, done.stderr
        (line,) = service.json_lines("ls", "--suspect")
        assert (Path(line["path"]).name, line["state"], line["reason"]) == ("shifted.bmp", "ok", "suspect")
        assert line["detail"] == "1 byte more than its header says"
        assert "1 byte more" in service.catalog("ls", "--suspect").stdout
        (found,) = service.json_lines("status")
        assert (found["files"]["ok"], found["vectors"], found["suspect"]) == (2, 2, 1)
        assert "1 suspect" in service.catalog("status").stdout
        result = service.catalog("rejected")
        assert "0 rejected; 1 suspect" in result.stdout + result.stderr
        assert service.json_lines("show", root / "shifted.bmp")[0]["detail"] == line["detail"]
    finally:
        service.close()
