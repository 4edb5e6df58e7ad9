"""The head's features of a file apart from its pixels: shape, size, camera, time of day, words of its path.

Also the text of a file's name for a text tower: few distinct strings, however many files there are.
"""

import math
import re
import unicodedata
import zlib
from posixpath import basename, splitext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Letters, with digits only after them: hashes and ids mean nothing to a tower, and would be one string per file.
NAME_WORD = re.compile(r"(?<![^\W_])([^\W\d_]{2,})\d*(?![^\W_])")
PATH_WORD = re.compile(r"[^\W\d_]{3,}")
WORD_BUCKETS = 64  # words are hashed into these: there is no vocabulary to store, and new words need no handling
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
    """`width`, `height`: pixels as displayed; `size`: bytes; `taken_at`: ISO 8601; `path`: as text, for its words."""

    format: str | None
    width: int | None
    height: int | None
    size: int
    camera: str | None
    taken_at: str | None
    detail: float | None
    suspect: bool
    path: str


def name_text(path: str) -> str:
    """Return the words of the file's name in order, lower case, separated by spaces.

    "Old Boat_02.jpg" gives "old boat", IMG_1234.JPG "img", and 3fa9bc12.png "". Words of folders are left out: many
    files share them, and `file_features` covers them.
    """
    name = unicodedata.normalize("NFC", splitext(basename(path))[0])
    return " ".join(word.lower() for word in NAME_WORD.findall(name))


def file_features(metadata: FileMetadata) -> NDArray[np.float32]:
    """Return the features named in FILE_FEATURES, float32, each with a magnitude of about 1."""
    width, height = max(1, metadata.width or 1), max(1, metadata.height or 1)
    features = np.zeros(len(FILE_FEATURES), np.float32)
    features[: len(PLAIN_FEATURES)] = (
        abs(math.log(width / height)),
        float(height > width),
        math.log(width * height / 1e6),
        math.log(max(metadata.size, 1) / (width * height)),
        metadata.detail or 0.0,
        float(metadata.camera is not None),
        float(metadata.taken_at is not None),
        *_time_of_day(metadata.taken_at),
        float(metadata.suspect),
        *(float(metadata.format == name) for name in FORMATS),
    )
    for word in path_words(metadata.path):
        code = zlib.crc32(word.encode("utf-8", "surrogateescape"))
        features[len(PLAIN_FEATURES) + code % WORD_BUCKETS] += 1 if code >> 31 else -1
    return features


def path_words(path: str) -> set[str]:
    """Return the words (of three or more letters) of the file and its two innermost folders, in lower case."""
    return {word.lower() for part in path.rsplit("/", 3)[-3:] for word in PATH_WORD.findall(part)}


def _time_of_day(taken_at: str | None) -> tuple[float, float]:
    """Return the time of day as a point on a circle, where 23:59 is next to 00:01."""
    try:
        hours = int((taken_at or "")[11:13]) + int((taken_at or "")[14:16]) / 60
    except ValueError:
        return 0.0, 0.0
    return math.sin(math.tau * hours / 24), math.cos(math.tau * hours / 24)
