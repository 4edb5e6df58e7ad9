"""Messages on the service's socket: one JSON object per line. Client and service share these types.

A request names its operation in `op`. An answer has `ok`; if that is false, also `error` and `remedy`.
Arrays travel as base64 of their little-endian bytes.
"""

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    import numpy as np

    from catalog.json_types.status import IndexJson, NextModelJson, WatchJson

MAX_HITS = 10_000  # neighbours in one answer


class StatusRequest(TypedDict):
    """Ask for the state that only the running service knows."""

    op: Literal["status"]


class ReloadRequest(TypedDict):
    """Ask for a reload of the configuration, as SIGHUP does."""

    op: Literal["reload"]


class SimilarRequest(TypedDict):
    """Ask for the `k` nearest contents, 1 to MAX_HITS. `model`: its digest; `vector`: float32 [dims], unit length."""

    op: Literal["similar"]
    model: str
    vector: str
    k: int


class EmbedRequest(TypedDict):
    """Ask for the vector of an image. `model`: its digest; `pixels`: uint8 [height, width, 3], for the bundle."""

    op: Literal["embed"]
    model: str
    pixels: str


class WordsRequest(TypedDict):
    """Ask for the vectors of texts."""

    op: Literal["words"]
    texts: list[str]


class ScrubRequest(TypedDict):
    """Ask how far a scrub is. `begin`: start one of `limit` bytes, null for tonight's budget; `cancel`: run id."""

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


class ModelState(TypedDict):
    """The model in use. `provider`: where it runs; `warning`, `problem`: texts, or empty."""

    provider: str
    warning: str
    problem: str


NO_MODEL_STATE: ModelState = {"provider": "", "warning": "", "problem": ""}  # without a service


class ScrubBegun(TypedDict):
    """`run`: fields of the current run; `fresh`: whether this request began it."""

    run: dict[str, Any]
    fresh: bool


class ScrubAnswer(TypedDict):
    """`run`: fields of the current run, or None; `work`: bytes it will read, if known; `running`: whether it reads."""

    run: dict[str, Any] | None
    work: int | None
    running: bool


class StatusAnswer(TypedDict):
    """The state of the service. `next`: progress of the preparation of another model; `scanning`: a path, or "".

    `in_work`: files being read; `done`: files read since the start; `stalled`: the work that waits and has not advanced
    for long, or "".
    """

    index: "IndexJson"
    model: ModelState
    watch: "WatchJson | None"
    scrub: ScrubAnswer
    next: "NextModelJson | None"
    training: bool
    scanning: str
    in_work: int
    done: int
    stalled: str


class SimilarAnswer(TypedDict):
    """`hits`: (content id, cosine), best first, as of position `seq` of the change log on `timeline`."""

    hits: list[tuple[int, float]]
    seq: int
    timeline: str


class EmbedAnswer(TypedDict):
    """`vector`: float32 [dims]."""

    vector: str


class WordsAnswer(TypedDict):
    """`vectors`: float32 [texts, dims], by the text tower `tower` of the model, None if it has none."""

    vectors: str
    tower: str | None


def encode_array(array: "np.ndarray") -> str:
    """Return the bytes of an array in base64."""
    return b64encode(array.tobytes()).decode("ascii")


def decode_array(text: object, kind: "type[np.generic]") -> "np.ndarray":
    """Return a flat array of this type. Raises ValueError for anything else."""
    import numpy as np

    if not isinstance(text, str):
        raise ValueError("an array must be base64 text")
    return np.frombuffer(b64decode(text, validate=True), kind)
