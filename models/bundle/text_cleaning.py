"""The cleaning that models apply to a string before their tokeniser, using only the standard library.

"tidy" is ftfy's `fix_text` (https://ftfy.readthedocs.io) without its detection of mojibake: a query is typed, not
scraped. "html" and "spaces" are open_clip's `basic_clean` and `whitespace_clean`, "punctuation" is the
`canonicalize_text` of big_vision.
"""

import html
import re
import string
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Literal

CleaningStep = Literal["tidy", "html", "spaces", "lower", "punctuation"]

ENTITY = re.compile(r"&#?[0-9A-Za-z]{1,24};")
TERMINAL_ESCAPE = re.compile("\033\\[((?:\\d|;)*)([a-zA-Z])")
LINE_BREAK = re.compile("\r\n|[\r\u2028\u2029]")
SURROGATE_PAIR, LONE_SURROGATE = re.compile("[\ud800-\udbff][\udc00-\udfff]"), re.compile("[\ud800-\udfff]")
LIGATURES = (
    "Ĳ=IJ ĳ=ij ŉ=ʼn Ǳ=DZ ǲ=Dz ǳ=dz Ǆ=DŽ ǅ=Dž ǆ=dž Ǉ=LJ ǈ=Lj ǉ=lj Ǌ=NJ ǋ=Nj ǌ=nj ﬀ=ff ﬁ=fi ﬂ=fl ﬃ=ffi ﬄ=ffl ﬅ=ſt ﬆ=st"
)
REMOVED_CODES = [*range(0x09), 0x0B, *range(0x0E, 0x20), 0x7F, *range(0x206A, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFD)]


def clean_text(text: str, steps: tuple[CleaningStep, ...]) -> str:
    """Return the text after all steps, in order."""
    for step in steps:
        text = STEP_FUNCTIONS[step](text)
    return text


def _tidy(text: str) -> str:
    lines, unescape = [], True
    for line in text.split("\n"):
        unescape = unescape and "<" not in line  # after a tag, entities are intended: keep them up to the end
        lines.append(_tidy_line(line, unescape))
    return "\n".join(lines)


def _tidy_line(line: str, unescape: bool) -> str:
    while True:
        before = line
        if unescape:
            line = ENTITY.sub(_unescape, line)
        line = LINE_BREAK.sub("\n", line.translate(_character_table()))
        if LONE_SURROGATE.search(line):
            line = LONE_SURROGATE.sub("\ufffd", SURROGATE_PAIR.sub(_join_surrogates, line))
        line = TERMINAL_ESCAPE.sub("", line).translate(dict.fromkeys(REMOVED_CODES))
        line = unicodedata.normalize("NFC", line)
        if line == before:
            return line


def _unescape(entity: re.Match[str]) -> str:
    character = html.unescape(entity[0])
    return entity[0] if ";" in character and character != ";" else character


def _join_surrogates(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


@cache
def _character_table() -> dict[int, str]:
    """Return the map of ligatures and full-width letters, curly quotes, and C1 controls as browsers map them."""
    full_width = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFFF0)}
    table = {code: plain for code, plain in full_width.items() if plain != chr(code)}
    table |= {ord(pair[0]): pair[2:] for pair in LIGATURES.split()}
    table |= dict.fromkeys((0x02BC, *range(0x2018, 0x201C)), "'") | dict.fromkeys(range(0x201C, 0x2020), '"')
    controls = {code: bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(0x80, 0xA0)}
    return table | controls | {0x3000: " "}


def _html(text: str) -> str:
    return html.unescape(html.unescape(text)).strip()


def _spaces(text: str) -> str:
    return " ".join(text.split())


def _punctuation(text: str) -> str:
    return text.replace("_", " ").translate(str.maketrans("", "", string.punctuation))


STEP_FUNCTIONS: dict[CleaningStep, Callable[[str], str]] = {
    "tidy": _tidy,
    "html": _html,
    "spaces": _spaces,
    "lower": str.lower,
    "punctuation": _punctuation,
}
