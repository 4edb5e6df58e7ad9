"""Stars, rejection and acceptance from an XMP packet or sidecar.

xmp:Rating is -1 (rejected), 0 (none) to 5 (ISO 16684-1, 8.4); Lightroom, darktable and Bridge write it, and darktable
writes -1 for its reject flag. digiKam's PickLabel is 0 (none), 1 (rejected), 2 (pending), 3 (accepted). Lightroom
stores its reject flag in its own catalog only, never in XMP.
"""

from dataclasses import dataclass
from xml.parsers.expat import ExpatError, ParserCreate

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
RATING = "http://ns.adobe.com/xap/1.0/ Rating"
PICK_LABEL = "http://www.digikam.org/ns/1.0/ PickLabel"
SIDECAR_EXTENSION = "http://ns.adobe.com/photoshop/1.0/ SidecarForExtension"
WANTED_PROPERTIES = frozenset((RATING, PICK_LABEL, SIDECAR_EXTENSION))
# A Rating at a deeper level belongs to another image: an ingredient or a version.
DESCRIPTION_PATH = (RDF + "RDF", RDF + "Description")
MAX_DEPTH = 100
MAX_VALUE_CHARACTERS = 64
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class XmpError(Exception):
    """Invalid XML, or XML that is refused: with a DOCTYPE, or nested too deeply. The message says which."""


@dataclass(frozen=True, slots=True)
class XmpMarks:
    """`stars`: 1 to 5, or 0 for none. `extension`: of the file that a sidecar belongs to, or ""."""

    stars: int = 0
    rejected: bool = False
    accepted: bool = False
    extension: str = ""


def read_xmp_marks(xml: bytes) -> XmpMarks:
    """Read the marks from attributes of rdf:Description and from elements within it. Raises XmpError."""
    reader = _MarksParser()
    try:
        reader.parser.Parse(xml if xml[:2] in UTF16_MARKS else xml.strip(b"\0 \t\r\n"), True)
    except (ExpatError, ValueError, LookupError) as error:
        raise XmpError(f"not XML: {error}") from error
    pick = _number(reader.found.get(PICK_LABEL, ""))
    rating = _number(reader.found.get(RATING, ""))
    return XmpMarks(
        stars=rating if rating in range(1, 6) else 0,
        rejected=rating < 0 or pick == 1,
        accepted=pick == 3,
        extension=reader.found.get(SIDECAR_EXTENSION, "").strip().lower(),
    )


def _number(text: str) -> int:
    """Return an integer as writers format it ("4", "4.0", " -1 "); 0 for anything else."""
    try:
        return int(float(text[:MAX_VALUE_CHARACTERS]))
    except (ValueError, OverflowError):
        return 0


class _MarksParser:
    """A streaming parser, without a tree; entities cannot be declared, because a DOCTYPE is refused."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._open: list[str] = []
        self.parser = ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _refuse(self, *_: object) -> None:
        raise XmpError("it declares a DOCTYPE, which XMP never needs but attacks use")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        if len(self._open) > MAX_DEPTH:
            raise XmpError(f"nested more than {MAX_DEPTH} deep")
        if tuple(self._open[-2:]) == DESCRIPTION_PATH:
            self.found |= {key: attributes[key] for key in WANTED_PROPERTIES & attributes.keys()}

    def _end(self, name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        if self._open[-1] in WANTED_PROPERTIES and tuple(self._open[-3:-1]) == DESCRIPTION_PATH:
            earlier = self.found.get(self._open[-1], "")
            self.found[self._open[-1]] = (earlier + text)[:MAX_VALUE_CHARACTERS]
