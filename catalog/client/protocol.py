"""What goes over the service's socket: one JSON object a line each way. Both ends import these types.

A request names its operation in `op`. An answer has `ok`; one that is refused has `ok` false, `error` and `remedy`.
Arrays travel as base64 of their little-endian bytes.
"""

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    import numpy as np

    from catalog.json_types.status import NextModelJson

MOST_HITS = 10_000  # neighbours in one answer


class StatusRequest(TypedDict):
    """What the running service alone knows."""

    op: Literal["status"]


class ReloadRequest(TypedDict):
    """Read the configuration again, as after SIGHUP."""

    op: Literal["reload"]


class SimilarRequest(TypedDict):
    """The `k` nearest contents, 1 to MOST_HITS. `model`: its digest; `vector`: float32 [dims], unit length."""

    op: Literal["similar"]
    model: str
    vector: str
    k: int


class EmbedRequest(TypedDict):
    """A vector of one picture. `model`: its digest; `pixels`: uint8 [height, width, 3] as the bundle wants them."""

    op: Literal["embed"]
    model: str
    pixels: str


class WordsRequest(TypedDict):
    """Vectors of texts."""

    op: Literal["words"]
    texts: list[str]


class ScrubRequest(TypedDict):
    """How far a scrub is. `begin`: start one, of `limit` bytes or null for tonight's budget; `cancel`: a run's id."""

    op: Literal["scrub"]
    begin: NotRequired[bool]
    limit: NotRequired[int | None]
    cancel: NotRequired[int]


Request = StatusRequest | ReloadRequest | SimilarRequest | EmbedRequest | WordsRequest | ScrubRequest


class ErrorAnswer(TypedDict):
    """The answer to a request that failed."""

    ok: Literal[False]
    error: str
    remedy: str


class IndexState(TypedDict):
    """The nearest-neighbour index. `lag`: entries of the change log that it has not applied."""

    size: int
    seq: int
    lag: int


class ModelState(TypedDict):
    """The model that answers. `provider`: where it runs; `warning`, `problem`: in words, or empty."""

    provider: str
    warning: str
    problem: str


NO_MODEL_STATE: ModelState = {"provider": "", "warning": "", "problem": ""}  # without a service


class UncoveredTree(TypedDict):
    """A directory tree whose changes the kernel does not report."""

    path: str
    why: str


class WatchState(TypedDict):
    """Directories that are watched, and those that cannot be."""

    directories: int
    uncovered: list[UncoveredTree]


class ScrubBegun(TypedDict):
    """`run`: the fields of the run at work; `fresh`: whether this request began it."""

    run: dict[str, Any]
    fresh: bool


class ScrubAnswer(TypedDict):
    """`run`: the fields of the run at work, None without one; `work`: bytes it will read, if known; `running`: whether
    anything is read at all.
    """

    run: dict[str, Any] | None
    work: int | None
    running: bool


class StatusAnswer(TypedDict):
    """`next`: how far the preparation of another model is; `scanning`: a path, "" for none; `in_work`: files that are
    being read; `done`: files read since the start.
    """

    index: IndexState
    model: ModelState
    watch: WatchState | None
    scrub: ScrubAnswer
    next: "NextModelJson | None"
    training: bool
    scanning: str
    in_work: int
    done: int


class SimilarAnswer(TypedDict):
    """`hits`: (content id, cosine), best first, as of the place `seq` of the change log on its branch `timeline`."""

    hits: list[tuple[int, float]]
    seq: int
    timeline: str


class EmbedAnswer(TypedDict):
    """`vector`: float32 [dims]."""

    vector: str


class WordsAnswer(TypedDict):
    """`vectors`: float32 [texts, dims], by the text half `tower` of the model, None without one."""

    vectors: str
    tower: str | None


def encode_array(array: "np.ndarray") -> str:
    """Return the array's bytes in base64."""
    return b64encode(array.tobytes()).decode("ascii")


def decode_array(text: object, kind: "type[np.generic]") -> "np.ndarray":
    """Return a flat array of this kind. Raises ValueError for anything that is no such array."""
    import numpy as np

    if not isinstance(text, str):
        raise ValueError("an array travels as text")
    return np.frombuffer(b64decode(text, validate=True), kind)
