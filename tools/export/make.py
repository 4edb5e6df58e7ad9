"""Make a bundle from a source: graphs, goldens, description. A result that is not attested is removed."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from models.bundle.folder import Bundle, Precision, load_bundle
from models.runtime.attestation import attest
from models.runtime.session import Session
from models.runtime.text_attestation import attest_text
from models.runtime.text_encoder import TextEncoder
from tools.default_model.calibrate import near_duplicate_cosine
from tools.default_model.drawing.pictures import pictures
from tools.export.describe import preprocess_description, text_description, write_description
from tools.export.graph import IDS, MASK, PIXELS, ImageGraph, TextGraph, write_graph
from tools.export.precision import quantise
from tools.export.reference import picture_vectors, text_vectors
from tools.export.shortcut import draw_jpegs, measure_shortcuts
from tools.export.source import ExportError, ExportSource, TextSource
from tools.export.strings import GOLDEN_STRINGS
from tools.goldens import GOLDEN_FILES, SHARP_GOLDEN_FILES, write_pictures

LOG = logging.getLogger("export")
MAX_NEAR_COSINE = 0.99  # above it, no threshold separates near duplicates from different images


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """`threshold`: minimum cosine of a golden to PyTorch in float32. `decibels`: minimum PSNR of exact pixels.

    `strangers`: number of drawn pictures that calibrate the near-duplicate threshold. `jpegs`: files to measure scaled
    decoding with; drawn ones where there are none.
    """

    precision: Precision = "fp32"
    threshold: float = 0.999
    decibels: float = 50.0
    seed: int = 1
    strangers: int = 200
    licence: str = ""
    jpegs: Sequence[Path] = ()


def make_bundle(source: ExportSource, out: Path, options: ExportOptions) -> Bundle:
    """Write `out`, which must not exist. Raises ExportError and removes everything where the goldens do not match."""
    if out.exists():
        raise ExportError(f"{out} exists already: name another folder, or remove it")
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _make(source, part, out.name, options)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load_bundle(out)


def _make(source: ExportSource, folder: Path, name: str, options: ExportOptions) -> None:
    description = _write_goldens(source, folder, options) | {"name": name}
    LOG.info("exporting the network of %s:%s in %s", source.family, source.name, options.precision)
    if source.words:
        write_text(source.words, folder, options.precision)
        description["text"] = text_description(folder, source.words, list(GOLDEN_STRINGS))
    write_image(source, folder, options.precision)
    write_description(folder, source, description)
    bundle = load_bundle(folder)
    session = Session(bundle, provider="cpu")
    measured = _require_attestation(bundle, session)
    LOG.info("measuring scaled decoding and the near-duplicate threshold")
    with TemporaryDirectory() as drawn:
        jpegs = options.jpegs or draw_jpegs(Path(drawn), options.seed)
        factor, by_factor = measure_shortcuts(bundle, session, jpegs)
    description["attested"] = measured | {"scaled_jpeg": by_factor}
    description["preprocess"] = preprocess_description(source.preprocess, factor)
    description["near_duplicate_cosine"] = _near_duplicate_cosine(bundle, session, options)
    write_description(folder, source, description)
    final = load_bundle(folder)
    _require_attestation(final, Session(final, provider="cpu"))


def _write_goldens(source: ExportSource, folder: Path, options: ExportOptions) -> dict[str, Any]:
    """Write the goldens with the source's vectors; return the description as far as it is known."""
    goldens = folder / "goldens"
    names = write_pictures(goldens, options.seed, GOLDEN_FILES) + write_pictures(
        goldens, options.seed + 100, SHARP_GOLDEN_FILES
    )
    pixels, vectors = picture_vectors(source, [goldens / name for name in names])
    np.savez_compressed(goldens / "reference.npz", pixels=pixels, vectors=vectors)
    if source.words:
        ids, text_reference = text_vectors(source.words, list(GOLDEN_STRINGS))
        np.savez_compressed(goldens / "text.npz", ids=ids, vectors=text_reference)
    return {
        "licence": options.licence or source.licence or "as the source states",
        "dims": vectors.shape[1],
        "precision": options.precision,
        "preprocess": preprocess_description(source.preprocess, 0.0),
        "near_duplicate_cosine": MAX_NEAR_COSINE,
        "seed": options.seed,
        "goldens": names,
        "golden_threshold": options.threshold,
        "golden_decibels": options.decibels,
        "attested": {},
    }


def write_image(source: ExportSource, folder: Path, precision: Precision) -> None:
    """Write model.onnx."""
    recipe = source.preprocess.recipe
    example = torch.randint(0, 256, (2, recipe.height, recipe.width, 3), dtype=torch.uint8)
    graph = ImageGraph(source.image, source.preprocess, half=precision == "fp16")
    write_graph(graph, (example,), [PIXELS], folder / "model.onnx")
    if precision == "int8":
        quantise(folder / "model.onnx")


def write_text(words: TextSource, folder: Path, precision: Precision) -> None:
    """Write text.onnx and tokenizer.json."""
    (folder / "tokenizer.json").write_text(words.tokenizer, "utf-8")
    ids = torch.zeros((2, words.length), dtype=torch.int64)
    example = (ids, torch.ones_like(ids)) if words.masked else (ids,)
    graph = TextGraph(words.module, half=precision == "fp16")
    write_graph(graph, example, [IDS, MASK][: len(example)], folder / "text.onnx")
    if precision == "int8":
        quantise(folder / "text.onnx")


def _require_attestation(bundle: Bundle, session: Session) -> dict[str, float]:
    result = attest(bundle, session)
    if not result.ok:
        raise ExportError(f"refused: {result.message}")
    LOG.info("%s", result.message)
    measured = {"cosine": result.cosine, "unexplained": result.unexplained, "decibels": result.pixels}
    if bundle.text:
        text_result = attest_text(bundle, TextEncoder(bundle))
        if not text_result.ok:
            raise ExportError(f"refused: {text_result.message}")
        LOG.info("%s", text_result.message)
        measured |= {"text_cosine": text_result.cosine, "text_unexplained": text_result.unexplained}
    return {name: float(f"{value:.6g}") for name, value in measured.items()}


def _near_duplicate_cosine(bundle: Bundle, session: Session, options: ExportOptions) -> float:
    recipe = bundle.recipe
    drawn = pictures(options.seed + 2, options.strangers, max(recipe.height, recipe.width))
    vectors = session.run(np.ascontiguousarray(drawn[:, : recipe.height, : recipe.width]))
    return min(MAX_NEAR_COSINE, near_duplicate_cosine(vectors))
