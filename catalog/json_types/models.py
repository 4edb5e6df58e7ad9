"""The JSON of `model`."""

from typing import NotRequired, TypedDict


class BundleJson(TypedDict):
    """`catalog model list`: one line per model."""

    name: str  # name to use with other commands
    id: str | None  # digest of all that makes a vector; null if the bundle cannot be opened
    role: str | None  # current, next or null
    dims: int | None  # dimensions of its vectors
    text: bool  # whether it can search by text
    vectors: int  # images embedded with it
    folder: str  # folder of the bundle
    problem: str | None  # why it cannot be used


class BundleDetailsJson(TypedDict):
    """`catalog model show`: one object with these keys and all keys of the bundle's `bundle.json`."""

    id: str  # digest of all that makes a vector
    folder: str  # folder of the bundle
    runs_with: dict[str, str]  # package: version on this machine
    role: str | None  # current, next or null
    provider: str | None  # ONNX Runtime execution provider that made its vectors
    cosine: float | None  # lowest cosine of its golden images on this machine


class BundleCheckJson(TypedDict):
    """`catalog model check`: one object."""

    name: str  # name of the bundle
    id: str  # digest of all that makes a vector
    cosine: float  # lowest cosine of its golden images on this machine
    provider: str  # ONNX Runtime execution provider
    text_cosine: NotRequired[float]  # lowest cosine of its golden texts, for models that search by text
    ok: bool  # whether the model reproduces its golden vectors
    word: str  # the result in a sentence
