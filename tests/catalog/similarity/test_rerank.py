"""Tests of reranking the nearest images by spatial verification."""

import hashlib
import os
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from catalog.files.queries import FileEntry
from catalog.filesystem.safe_read import read_whole
from catalog.similarity.rerank import MAX_RERANK_DEPTH, SimilarContent, rerank, rerank_depth, same_image_first


def entry(path: Path, state: str = "ok") -> FileEntry:
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest().upper()
    folder, name = os.path.split(os.fsencode(path))
    facts = (len(data), "png", 160, 160, 1, 0.0, None, None, None)
    return FileEntry(1, folder, name, state, None, None, sha256, *facts)


def page(word: str) -> Image.Image:
    image = Image.new("RGB", (160, 160), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 160, 30), fill=(0, 90, 160))
    for row in range(4):
        draw.text((10, 40 + 28 * row), word[row:] + word, fill="black", font_size=20)
    return image


WORDS = ("orange", "purple", "yellow")


@pytest.fixture()
def pages(tmp_path: Path) -> dict[int, Path]:
    """Three look-alike images, by the ids of their contents."""
    paths = {number: tmp_path / f"{word}.png" for number, word in enumerate(WORDS, 1)}
    for number, path in paths.items():
        page(WORDS[number - 1]).save(path)
    return paths


@pytest.fixture()
def query(tmp_path: Path) -> bytes:
    """A copy of the second page: smaller, lighter and compressed."""
    buffer = BytesIO()
    page(WORDS[1]).resize((120, 120)).point(lambda level: 40 + level * 0.8).save(buffer, "JPEG", quality=60)
    (tmp_path / "query.jpg").write_bytes(buffer.getvalue())
    return os.fsencode(tmp_path / "query.jpg")


FOUND = [SimilarContent(1, 0.98), SimilarContent(2, 0.97), SimilarContent(3, 0.96), SimilarContent(4, 0.4)]


def order(found: list[SimilarContent]) -> list[int]:
    return [similar.content for similar in found]


def test_the_same_image_comes_before_look_alikes(pages: dict[int, Path], query: bytes) -> None:
    ranked = rerank(FOUND, query, lambda content: [entry(pages[content])], 10**8)
    assert ranked[0].content == 2 and (ranked[0].explained_share or 0) > 0.95
    assert sorted(order(ranked)) == [1, 2, 3, 4]
    assert ranked[-1] == SimilarContent(4, 0.4), "contents far behind the best are not compared"
    assert {similar.content: similar.cosine for similar in ranked} == {
        similar.content: similar.cosine for similar in FOUND
    }


def test_nothing_is_read_if_only_one_is_near(query: bytes) -> None:
    found = [SimilarContent(1, 0.98), SimilarContent(2, 0.8)]
    assert rerank(found, query, lambda content: pytest.fail("read"), 10**8) == found


@pytest.mark.parametrize("fault", ["away", "gone", "changed", "damaged"])
def test_an_unreadable_content_keeps_its_place(pages: dict[int, Path], query: bytes, fault: str) -> None:
    files = {content: [entry(path)] for content, path in pages.items()}
    if fault == "away":
        files[2] = [entry(pages[2], "unreachable")]
    elif fault == "gone":
        pages[2].unlink()
    elif fault == "changed":
        page("other").save(pages[2])
    else:
        pages[2].write_bytes(pages[2].read_bytes()[:200])
        files[2] = [entry(pages[2])]
    ranked = rerank(FOUND, query, lambda content: files[content], 10**8)
    assert next(similar for similar in ranked if similar.content == 2).explained_share is None
    assert sorted(order(ranked)) == [1, 2, 3, 4]


def test_another_file_of_the_content_is_read_instead(pages: dict[int, Path], query: bytes, tmp_path: Path) -> None:
    (tmp_path / "copy.png").write_bytes(pages[2].read_bytes())
    files = {content: [entry(path)] for content, path in pages.items()}
    files[2].append(entry(tmp_path / "copy.png"))
    pages[2].unlink()
    assert rerank(FOUND, query, lambda content: files[content], 10**8)[0].content == 2


def test_an_unreadable_query_leaves_the_order_unchanged(pages: dict[int, Path], tmp_path: Path) -> None:
    missing = os.fsencode(tmp_path / "missing.png")
    assert rerank(FOUND, missing, lambda content: [entry(pages[content])], 10**8) == FOUND


def test_rerank_depth_counts_contents_close_to_the_best() -> None:
    assert rerank_depth([]) == 0
    assert rerank_depth([0.9]) == 0
    assert rerank_depth([0.9, 0.79]) == 0
    assert rerank_depth([0.9, 0.81, 0.5]) == 2
    assert rerank_depth([0.9] * 100) == MAX_RERANK_DEPTH
    assert rerank_depth([0.39, 0.38]) == 0, "neither shows the image"


def test_only_the_same_image_moves_to_the_front() -> None:
    found = [
        SimilarContent(1, 0.9, 0.3),
        SimilarContent(2, 0.89, 0.9),
        SimilarContent(3, 0.88),
        SimilarContent(4, 0.87, 0.99),
    ]
    assert order(same_image_first(found)) == [4, 2, 1, 3]
    assert same_image_first([]) == []


def test_reading_a_pipe_fails_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(OSError, match="not a regular file"):
        read_whole(os.fsencode(tmp_path / "pipe.jpg"))
