"""Run the tests on every CPython from 3.11 on that is installed: `python -m tools.pythons`.

Interpreters are searched on PATH and among those of pyenv. Missing versions are listed. Each interpreter gets an
environment of its own in `build/`.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWEST = (3, 15)  # the newest release to look for
HOME = Path(__file__).parents[1]
MINOR_VERSION = "import sys; print(sys.implementation.name, *sys.version_info[:2])"


def find_interpreters() -> dict[tuple[int, int], Path]:
    """Return one interpreter for each minor version."""
    found: dict[tuple[int, int], Path] = {}
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        name = f"python3.{minor}"
        candidates = [*(Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/{name}")]
        if on_path := shutil.which(name):
            candidates.append(Path(on_path))
        for candidate in candidates:
            if _version(candidate) == ("cpython", 3, minor):
                found.setdefault((3, minor), candidate)
    return found


def _version(interpreter: Path) -> tuple[str, int, int] | None:
    done = subprocess.run([str(interpreter), "-c", MINOR_VERSION], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    name, major, minor = done.stdout.split()
    return name, int(major), int(minor)


def run_tests(interpreter: Path, environment: Path, arguments: list[str]) -> str:
    """Install into `environment` and run the tests; return "passed" or what failed."""
    python = environment / "bin" / "python"
    constraints = [] if environment.name == "python3.11" else ["--prefer-binary"]  # constraints are pinned for 3.11
    steps = {
        "no environment": [str(interpreter), "-m", "venv", str(environment)],
        "not installable": [*(str(python), "-m", "pip", "install", "-q"), *constraints, "--editable", ".[test]"],
        "tests failed": [str(python), "-m", "pytest", "--numprocesses", "3", "--dist", "loadfile", *arguments],
    }
    for problem, command in steps.items():
        if subprocess.run(command, cwd=HOME, check=False).returncode:
            return problem
    return "passed"


def main() -> None:
    """Print one line for each version; exit with 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arguments", nargs="*", help="for pytest")
    arguments = parser.parse_args().arguments
    interpreters = find_interpreters()
    results = {
        version: run_tests(interpreter, HOME / "build" / f"python{version[0]}.{version[1]}", arguments)
        for version, interpreter in interpreters.items()
    }
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        print(f"CPython 3.{minor}: {results.get((3, minor), 'not installed, not tested')}")
    sys.exit(0 if results and set(results.values()) == {"passed"} else 1)


if __name__ == "__main__":
    main()
