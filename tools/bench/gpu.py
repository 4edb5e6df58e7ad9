"""Test and measure on an NVIDIA GPU, in one command.

    python -m tools.bench.gpu [--provider cuda] [--devices 0 1] [--only NAME ...] [--bundles DIR ...] [--pictures DIR]
                              [--precision fp16] [--workers 0] [--seconds 10] [--rounds 3] [--no-tests] [--json]

It describes the machine; runs the tests that need a GPU, and those of the exporter's families with their networks on
it; exports ViT-B/32 and SigLIP 2 B/16 in float16 with seeded random weights (nothing is downloaded; with `--bundles`
it measures existing bundles and does not need PyTorch); and prints for each model:

  cosine    the lowest of any image to the same bundle on the CPU, and whether the goldens match on the GPU
  images/s  of the reader processes alone ("loader"), of the network alone ("model"), and of both through the service's
            embedding stage ("pipeline"), with the ratio pipeline / min(loader, model), which should be at least 0.90.
            Each is the median of all rounds; each ratio is taken within one round, since a machine's speed drifts
  memory    that the model takes on the GPU, and the batch size that is left with far too little memory

Exit code 1: a test failed, a cosine is under 0.999, or a ratio on a GPU is under 0.90; 4: execution provider not
available. `--provider cpu --only small` checks the script without a GPU; loader and model then share the cores, so that
the ratio means nothing.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from catalog.config.load import Config
from catalog.config.settings import ModelSettings
from catalog.embedding.sessions import open_session, provider_summary
from catalog.errors import ResourceError
from models.bundle.folder import Bundle, default_folder, load_bundle
from models.runtime.attestation import attest, row_cosines
from models.runtime.provider import gpu_numbers, has_gpu
from models.runtime.session import Session
from tools.bench.harness import images_per_second
from tools.bench.pipeline_rates import Loader, pipeline_rate

MODELS = {
    "ViT-B/32": "open_clip:ViT-B-32@laion2b_s34b_b79k",
    "SigLIP 2 B/16 224": "open_clip:ViT-B-16-SigLIP2@webli",
    "small": "timm:test_vit",
}
LARGE = ("ViT-B/32", "SigLIP 2 B/16 224")
SEED, SAMPLE, BATCHES, MIN_COSINE, MIN_RATIO, CROWDED_BATCH = 1, 256, 20, 0.999, 0.90, 1024
ROOT = Path(__file__).parents[2]
GPU_TESTS = ["-m", "gpu", "tests"]
FAMILY_TESTS = ["-k", "test_families or test_needs", "--timeout", "600", "tests/export"]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model. Rates in images/s; `ratio`: pipeline / min(loader, model); `megabytes`: of the GPU, or of the process;
    `crowded`: the result of a batch of CROWDED_BATCH with little more memory than the weights take.
    """

    model: str
    runs_on: str
    goldens: str
    cosine: float
    loader: float
    model_alone: float
    pipeline: float
    ratio: float
    megabytes: float
    crowded: str


def query_nvidia_smi(query: str) -> list[str]:
    """Return the lines that nvidia-smi prints for a query, none where it is missing or fails."""
    try:
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []


def used_megabytes() -> float:
    """Return the memory in use on all GPUs, or the peak of this process without nvidia-smi."""
    used = [float(line) for line in query_nvidia_smi("memory.used")]
    return sum(used) if used else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def describe_machine() -> list[str]:
    """Return lines that describe GPUs, CPUs and ONNX Runtime."""
    cards = [f"GPU {line}" for line in query_nvidia_smi("index,name,driver_version,memory.total")]
    gpus = cards or ["no GPU was found" if not has_gpu() else f"GPUs {gpu_numbers()}, but nvidia-smi does not answer"]
    providers = ", ".join(onnxruntime.get_available_providers())
    return [
        *gpus,
        f"{os.cpu_count()} CPUs, {platform.machine()}",
        f"ONNX Runtime {onnxruntime.__version__}: {providers}",
    ]


def run_gpu_tests(provider: str) -> bool:
    """Run the tests that need the provider; return whether all passed. Skipped tests print their reason."""
    family_environment = os.environ | {"CATALOG_TEST_PROVIDER": provider}
    runs = [
        subprocess.run(
            [sys.executable, "-m", "pytest", "-rs", *arguments], cwd=ROOT, env=environment, stdout=sys.stderr
        )
        for arguments, environment in ((GPU_TESTS, None), (FAMILY_TESTS, family_environment))
    ]
    return all(run.returncode in (0, 5) for run in runs)  # 5: no tests collected, since packages are missing


def export_random(name: str, precision: str, folder: Path) -> Bundle:
    """Export a model with random weights and attest it. Needs PyTorch: `make test-export` installs it."""
    from tools.export.families import load_source
    from tools.export.make import ExportOptions, make_bundle

    source = load_source(MODELS[name], None, SEED, words=False)
    return make_bundle(source, folder / name.replace("/", "-"), ExportOptions(precision=precision, strangers=16))  # type: ignore[arg-type]


def sample_paths(folder: Path | None, temporary: Path) -> list[bytes]:
    """Return the JPEGs of `folder`, or large drawn ones without any."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg")) if folder else []
    if not paths:
        from tools.export.shortcut import draw_jpegs

        (temporary / "drawn").mkdir(exist_ok=True)
        paths = draw_jpegs(temporary / "drawn", SEED)
    return [os.fsencode(path) for path in paths]


def run_crowded(bundle: Bundle, provider: str, device: int, sample: np.ndarray) -> str:
    """Run a batch that does not fit in memory: the session has to shrink it and still return right vectors."""
    if provider != "cuda":
        return "only tried with cuda"
    limit = round(1.25 * bundle.graph.stat().st_size / 1e6) + 256
    session = Session(bundle, provider="cuda", device=device, memory_mb=limit, batch=CROWDED_BATCH)
    batch = np.resize(sample, (CROWDED_BATCH, *sample.shape[1:]))
    try:
        vectors = session.run(batch)[: len(sample)]
        roomy = Session(bundle, provider="cuda", device=device).run(sample)
        min_cosine = float(row_cosines(vectors, roomy).min())
    except Exception as error:
        return f"FAILED with {limit} MB: {error}"
    return f"{CROWDED_BATCH} at once with {limit} MB became {session.batch}, cosine {min_cosine:.5f}"


def measure(bundle: Bundle, options: argparse.Namespace, paths: list[bytes], config: Config) -> ModelRow:
    """Measure one bundle. Raises ResourceError where its graph cannot be loaded."""
    before = used_megabytes()
    session = open_session(bundle, config)
    goldens = attest(bundle, session)
    loader = Loader(bundle, paths, options.workers or len(os.sched_getaffinity(0)))
    try:
        sample = np.stack(list(loader.read(max(SAMPLE, session.batch))))
        min_cosine = float(row_cosines(session.run(sample), Session(bundle, provider="cpu").run(sample)).min())
        batch = np.resize(sample, (session.batch, *sample.shape[1:]))
        rates: list[tuple[float, float, float]] = []
        for _ in range(options.rounds):
            model_rate = images_per_second(session.run, batch, options.seconds)
            count = max(BATCHES * session.batch, round(options.seconds * min(model_rate, loader.rate(len(sample)))))
            rates.append((loader.rate(count), model_rate, pipeline_rate(session, bundle, loader, count)))
    finally:
        loader.close()
    loader_rate, model_rate, both = (statistics.median(column) for column in zip(*rates, strict=True))
    ratio = statistics.median(pipeline / min(reading, model) for reading, model, pipeline in rates)
    megabytes = used_megabytes() - (before if session.devices else 0)
    crowded = run_crowded(bundle, options.provider, options.devices[0], sample[:8])
    runs_on = provider_summary(session)
    return ModelRow(
        bundle.name, runs_on, goldens.message, min_cosine, loader_rate, model_rate, both, ratio, megabytes, crowded
    )


def row_text(row: ModelRow) -> str:
    """Return the row as printed without `--json`."""
    return (
        f"\n{row.model}: {row.runs_on}\n  goldens   {row.goldens}\n  cosine    {row.cosine:.5f} to the CPU\n"
        f"  images/s  loader {row.loader:.0f}, model {row.model_alone:.0f}, pipeline {row.pipeline:.0f}:"
        f" {row.ratio:.2f} of the slower one\n  memory    {row.megabytes:.0f} MB\n  crowded   {row.crowded}"
    )


def meets_limits(row: ModelRow, on_gpu: bool) -> bool:
    """Return whether a row meets the limits."""
    return row.cosine >= MIN_COSINE and "FAILED" not in row.crowded and (not on_gpu or row.ratio >= MIN_RATIO)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", choices=("cuda", "tensorrt", "cpu"), default="cuda")
    parser.add_argument("--devices", nargs="+", type=int, default=[0])
    parser.add_argument("--only", nargs="*", choices=list(MODELS), default=list(LARGE))
    parser.add_argument("--bundles", nargs="*", type=Path, help="existing bundles, instead of exporting some")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp16")
    parser.add_argument("--pictures", type=Path, help="folder of JPEGs (default: large drawn ones)")
    parser.add_argument("--workers", type=int, default=0, help="reader processes; 0 for one per core")
    parser.add_argument("--seconds", type=float, default=10.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Test, measure and print; return the exit code."""
    options, ok = parse_options(), True
    print(*describe_machine(), sep="\n", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = ModelSettings(provider=options.provider, devices=tuple(options.devices))
        config = Config(folder / "config.toml", folder / "state", (), model=settings)
        try:
            open_session(load_bundle(default_folder()), config)  # fails early where the provider is not available
            if not options.no_tests and options.provider != "cpu":
                ok = run_gpu_tests(options.provider)
            paths = sample_paths(options.pictures, folder)
            exported = (export_random(name, options.precision, folder) for name in options.only)
            for bundle in map(load_bundle, options.bundles) if options.bundles else exported:
                row = measure(bundle, options, paths, config)
                ok = meets_limits(row, options.provider != "cpu") and ok
                print(json.dumps(asdict(row)) if options.json else row_text(row), flush=True)
        except ResourceError as error:
            print(f"{error.problem}\n  {error.remedy}", file=sys.stderr)
            return error.exit_code
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
