"""Everything that needs an NVIDIA GPU, in one command, for whoever has one.

    python -m tools.bench.gpu [--provider cuda] [--devices 0 1] [--only NAME ...] [--bundles DIR ...] [--pictures DIR]
                              [--precision fp16] [--workers 0] [--seconds 10] [--rounds 3] [--no-tests] [--json]

It names the machine; runs the tests that need a GPU, and the exporter's families with their networks on it; makes
ViT-B/32 and SigLIP 2 B/16 in float16 with seeded random weights (nothing is downloaded; `--bundles` takes prepared
ones, and PyTorch is not needed); and prints for each model:

  cosine    of the worst picture to the same bundle on the CPU, and whether its goldens hold on the GPU
  images/s  of the reading processes alone ("loader"), of the network alone ("model"), of both through the service's own
            stage ("pipeline"), and the ratio pipeline / min(loader, model), which should be 0.90 at least. Each is the
            median of all rounds, and a ratio is of one round, since a machine's speed drifts
  memory    that the model took on the GPU, and what batches become where there is far too little

Exit code 1: a test failed, a cosine is under 0.999, or a ratio on a GPU under 0.90; 4: the provider cannot be had.
`--provider cpu --only small` tries the script itself without a GPU; loader and model then share cores, and their ratio
says nothing of it.
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
from tools.bench.pipeline_rates import Loader, model_rate, pipeline_rate

MODELS = {
    "ViT-B/32": "open_clip:ViT-B-32@laion2b_s34b_b79k",
    "SigLIP 2 B/16 224": "open_clip:ViT-B-16-SigLIP2@webli",
    "small": "timm:test_vit",
}
LARGE = ("ViT-B/32", "SigLIP 2 B/16 224")
SEED, SAMPLE, BATCHES, LEAST_COSINE, LEAST_RATIO, CROWDED_BATCH = 1, 256, 20, 0.999, 0.90, 1024
ROOT = Path(__file__).parents[2]
GPU_TESTS, FAMILY_TESTS = (
    ["-m", "gpu", "tests"],
    ["-k", "test_families or test_needs", "--timeout", "600", "tests/export"],
)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model. Rates in images/s, `ratio`: pipeline / min(loader, model); `megabytes`: of the GPU, or of the process;
    `crowded`: what became of a batch of CROWD with a little more memory than the weights take.
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
    """Lines of nvidia-smi, none where it cannot be asked."""
    try:
        words = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []


def used_megabytes() -> float:
    """Memory in use on all GPUs, or the most that this process had."""
    used = [float(line) for line in query_nvidia_smi("memory.used")]
    return sum(used) if used else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def describe_machine() -> list[str]:
    """What this is measured on."""
    cards = [f"GPU {line}" for line in query_nvidia_smi("index,name,driver_version,memory.total")]
    shown = cards or ["no GPU was found" if not has_gpu() else f"GPUs {gpu_numbers()}, but nvidia-smi does not answer"]
    built = ", ".join(onnxruntime.get_available_providers())
    return [*shown, f"{os.cpu_count()} CPUs, {platform.machine()}", f"ONNX Runtime {onnxruntime.__version__}: {built}"]


def run_gpu_tests(provider: str) -> bool:
    """Whether all tests pass that need the provider; they say themselves why they are skipped where it is not."""
    families = os.environ | {"CATALOG_TEST_PROVIDER": provider}
    done = [
        subprocess.run([sys.executable, "-m", "pytest", "-rs", *words], cwd=ROOT, env=environment, stdout=sys.stderr)
        for words, environment in ((GPU_TESTS, None), (FAMILY_TESTS, families))
    ]
    return all(one.returncode in (0, 5) for one in done)  # 5: none was collected, since packages are missing


def export_random(name: str, precision: str, folder: Path) -> Bundle:
    """A model with random weights, attested. Needs PyTorch: `make test-export` installs it."""
    from tools.export.families import load_source
    from tools.export.make import ExportOptions, make_bundle

    source = load_source(MODELS[name], None, SEED, words=False)
    return make_bundle(source, folder / name.replace("/", "-"), ExportOptions(precision=precision, strangers=16))  # type: ignore[arg-type]


def sample_paths(folder: Path | None, temporary: Path) -> list[bytes]:
    """JPEGs of a folder, or large drawn ones."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg")) if folder else []
    if not found:
        from tools.export.shortcut import draw_jpegs

        (temporary / "drawn").mkdir(exist_ok=True)
        found = draw_jpegs(temporary / "drawn", SEED)
    return [os.fsencode(path) for path in found]


def run_crowded(bundle: Bundle, provider: str, device: int, some: np.ndarray) -> str:
    """A batch for which there is no memory: it has to become smaller, and its vectors have to come all the same."""
    if provider != "cuda":
        return "only tried with cuda"
    limit = round(1.25 * bundle.graph.stat().st_size / 1e6) + 256
    session = Session(bundle, provider="cuda", device=device, memory_mb=limit, batch=CROWDED_BATCH)
    many = np.resize(some, (CROWDED_BATCH, *some.shape[1:]))
    try:
        worst = float(
            row_cosines(session.run(many)[: len(some)], Session(bundle, provider="cuda", device=device).run(some)).min()
        )
    except Exception as error:
        return f"FAILED with {limit} MB: {error}"
    return f"{CROWDED_BATCH} at once with {limit} MB became {session.batch}, cosine {worst:.5f}"


def measure(bundle: Bundle, given: argparse.Namespace, paths: list[bytes], config: Config) -> ModelRow:
    """One bundle. Raises PlaceFault where its graph cannot be loaded."""
    before = used_megabytes()
    session = open_session(bundle, config)
    goldens = attest(bundle, session)
    loader = Loader(bundle, paths, given.workers or len(os.sched_getaffinity(0)))
    try:
        some = np.stack(list(loader.read(max(SAMPLE, session.batch))))
        worst = float(row_cosines(session.run(some), Session(bundle, provider="cpu").run(some)).min())
        batch = np.resize(some, (session.batch, *some.shape[1:]))
        rates: list[tuple[float, float, float]] = []
        for _ in range(given.rounds):
            model = model_rate(session, batch, given.seconds)
            reading = loader.rate(len(some))
            count = max(BATCHES * session.batch, round(given.seconds * min(model, reading)))
            reading = loader.rate(count)
            rates.append((reading, model, pipeline_rate(session, bundle, loader, count)))
    finally:
        loader.close()
    reading, model, both = (statistics.median(column) for column in zip(*rates, strict=True))
    ratio = statistics.median(pipe / min(read, alone) for read, alone, pipe in rates)
    taken = used_megabytes() - (before if session.devices else 0)
    said = run_crowded(bundle, given.provider, given.devices[0], some[:8])
    return ModelRow(
        bundle.name, provider_summary(session), goldens.message, worst, reading, model, both, ratio, taken, said
    )


def row_text(row: ModelRow) -> str:
    """For people."""
    return (
        f"\n{row.model}: {row.runs_on}\n  goldens   {row.goldens}\n  cosine    {row.cosine:.5f} to the CPU\n"
        f"  images/s  loader {row.loader:.0f}, model {row.model_alone:.0f}, pipeline {row.pipeline:.0f}:"
        f" {row.ratio:.2f} of the slower one\n  memory    {row.megabytes:.0f} MB\n  crowded   {row.crowded}"
    )


def is_good(row: ModelRow, on_gpu: bool) -> bool:
    """Whether a row is as it should be."""
    return row.cosine >= LEAST_COSINE and "FAILED" not in row.crowded and (not on_gpu or row.ratio >= LEAST_RATIO)


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", choices=("cuda", "tensorrt", "cpu"), default="cuda")
    parser.add_argument("--devices", nargs="+", type=int, default=[0])
    parser.add_argument("--only", nargs="*", choices=list(MODELS), default=list(LARGE))
    parser.add_argument("--bundles", nargs="*", type=Path, help="prepared bundles, instead of exporting some")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp16")
    parser.add_argument("--pictures", type=Path, help="a folder with JPEGs; large drawn ones if not given")
    parser.add_argument("--workers", type=int, default=0, help="reading processes; 0 is one a core")
    parser.add_argument("--seconds", type=float, default=10.0, help="a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Do it all."""
    given, well = options(), True
    print(*describe_machine(), sep="\n", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = ModelSettings(provider=given.provider, devices=tuple(given.devices))
        config = Config(folder / "config.toml", folder / "state", (), model=settings)
        try:
            open_session(load_bundle(default_folder()), config)  # the word that a provider cannot be had comes first
            if not given.no_tests and given.provider != "cpu":
                well = run_gpu_tests(given.provider)
            paths = sample_paths(given.pictures, folder)
            made = (export_random(name, given.precision, folder) for name in given.only)
            for bundle in map(load_bundle, given.bundles) if given.bundles else made:
                row = measure(bundle, given, paths, config)
                well = is_good(row, given.provider != "cpu") and well
                print(json.dumps(asdict(row)) if given.json else row_text(row), flush=True)
        except ResourceError as fault:
            print(f"{fault.problem}\n  {fault.remedy}", file=sys.stderr)
            return fault.exit_code
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
