"""What a file's name says in words, for a text tower: few different strings, however many files there are."""

import re
import unicodedata
from posixpath import basename, splitext

# Letters, and figures only behind them: hashes and ids, which no tower understands, would be a string for each file.
SPOKEN = re.compile(r"(?<![^\W_])([^\W\d_]{2,})\d*(?![^\W_])")


def wording(path: str) -> str:
    """Its name's words in their order, in lower case, with single spaces: "Old Boat_02.jpg" says "old boat",
    IMG_1234.JPG "img", and 3fa9bc12.png nothing. Not its folders': those that many files share are learned by `traits`.
    """
    name = unicodedata.normalize("NFC", splitext(basename(path))[0])
    return " ".join(word.lower() for word in SPOKEN.findall(name))
