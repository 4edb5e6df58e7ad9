"""What a file tells without its pixels, as numbers for the head: shape, size, camera, time, words of its name.

What a file's name says in words, for a text tower: few different strings, however many files there are.
"""

import math
import re
import unicodedata
import zlib
from posixpath import basename, splitext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Letters, and figures only behind them: hashes and ids, which no tower understands, would be a string for each file.
NAME_WORD = re.compile(r"(?<![^\W_])([^\W\d_]{2,})\d*(?![^\W_])")


def name_text(path: str) -> str:
    """Its name's words in their order, in lower case, with single spaces: "Old Boat_02.jpg" says "old boat",
    IMG_1234.JPG "img", and 3fa9bc12.png nothing. Not its folders': those that many files share are learned by `traits`.
    """
    name = unicodedata.normalize("NFC", splitext(basename(path))[0])
    return " ".join(word.lower() for word in NAME_WORD.findall(name))


PATH_WORD = re.compile(r"[^\W\d_]{3,}")
WORD_BUCKETS = 64  # words share numbers by hash: no vocabulary to keep, and a new word is no error
FORMATS = ("jpeg", "png", "gif", "webp", "heif")
PLAIN_FEATURES = (
    "aspect",
    "portrait",
    "megapixels",
    "bytes a pixel",
    "detail",
    "camera",
    "dated",
    "hour sine",
    "hour cosine",
    "suspect",
    *(f"is {name}" for name in FORMATS),
)
FILE_FEATURES = (*PLAIN_FEATURES, *(f"word {number}" for number in range(WORD_BUCKETS)))


class FileMetadata(NamedTuple):
    """`width`, `height` in pixels as shown; `size` in bytes; `taken_at` ISO 8601; `path`: as text, for its words."""

    format: str | None
    width: int | None
    height: int | None
    size: int
    camera: str | None
    taken_at: str | None
    detail: float | None
    suspect: bool
    path: str


def file_features(told: FileMetadata) -> NDArray[np.float32]:
    """float32 [len(TRAITS)], each of about the size of 1."""
    width, height = max(1, told.width or 1), max(1, told.height or 1)
    row = np.zeros(len(FILE_FEATURES), np.float32)
    row[: len(PLAIN_FEATURES)] = (
        abs(math.log(width / height)),
        float(height > width),
        math.log(width * height / 1e6),
        math.log(max(told.size, 1) / (width * height)),
        told.detail or 0.0,
        float(told.camera is not None),
        float(told.taken_at is not None),
        *_time_of_day(told.taken_at),
        float(told.suspect),
        *(float(told.format == name) for name in FORMATS),
    )
    for word in path_words(told.path):
        code = zlib.crc32(word.encode("utf-8", "surrogateescape"))
        row[len(PLAIN_FEATURES) + code % WORD_BUCKETS] += 1 if code >> 31 else -1
    return row


def path_words(path: str) -> set[str]:
    """Words of the file's name and of the two folders around it, in lower case; letters and figures say little."""
    return {word.lower() for part in path.rsplit("/", 3)[-3:] for word in PATH_WORD.findall(part)}


def _time_of_day(taken_at: str | None) -> tuple[float, float]:
    """The time of day on a circle: 23:59 lies beside 00:01."""
    try:
        hours = int((taken_at or "")[11:13]) + int((taken_at or "")[14:16]) / 60
    except ValueError:
        return 0.0, 0.0
    return math.sin(math.tau * hours / 24), math.cos(math.tau * hours / 24)
