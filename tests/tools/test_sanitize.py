"""The C extensions under sanitizers for a few seconds; `make sanitize` does it for ten minutes."""

import subprocess
import sys

from tests.support.source_tree import ROOT


def test_no_sanitizer_reports_anything() -> None:
    call = [sys.executable, "-m", "tools.sanitize", "--seconds", "15"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "no problems found" in done.stdout


def test_every_extension_is_built_with_both() -> None:
    """The build really carries the sanitizers."""
    code = (
        "import tempfile, subprocess; from pathlib import Path; from tools import sanitize\n"
        "with tempfile.TemporaryDirectory() as name:\n"
        "    folder = Path(name); sanitize.build(folder)\n"
        "    modules = sorted((folder / sanitize.NATIVE).glob('*.so'))\n"
        "    assert modules\n"
        "    for module in modules:\n"
        "        symbols = subprocess.run(['nm', '-D', module], capture_output=True, text=True).stdout\n"
        "        assert '__asan_report_load' in symbols and '__ubsan_handle' in symbols, module\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
