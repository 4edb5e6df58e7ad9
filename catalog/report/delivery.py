"""The owner's own command, run with a report: to mail it, push it, print it."""

import os
import shlex
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryFile

from catalog.errors import CatalogError, ResourceError, UsageError

TIMEOUT_SECONDS = 120.0
OUTPUT_TAIL_BYTES = 500  # bytes of what it said last that are told


def send_report(command: str, page: Path, text: str, seconds: float = TIMEOUT_SECONDS) -> None:
    """Run `command` with the page's path as its last argument and the report as text on stdin. No shell reads it.

    Files stand in for pipes: a child of its that lives on could keep a pipe open, and us waiting.

    Raises:
        UsageFault: it is no command line. PlaceFault: it is not there, fails, or takes longer than `seconds`.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"[report] command is no command line: {error}", "Mend its quotes.") from error
    with TemporaryFile() as given, TemporaryFile() as said:
        given.write(text.encode("utf-8", "replace"))
        given.seek(0)
        try:
            process = subprocess.Popen(
                [*words, os.fspath(page)], stdin=given, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise _command_error(words, f"cannot be run: {error}") from error
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise _command_error(words, f"did not end within {seconds:g} s") from None
        finally:
            _kill_group(process)
        if code:
            said.seek(max(0, said.seek(0, os.SEEK_END) - OUTPUT_TAIL_BYTES))
            words_said = said.read().decode("utf-8", "replace").strip()
            raise _command_error(words, f"failed with {code}" + (f": {words_said}" if words_said else ""))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """It and all it started, unless it is over."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command_error(words: list[str], what: str) -> CatalogError:
    remedy = f"The report is kept. Try `{shlex.join(words)}` by hand, or mend [report] command."
    return ResourceError(f"the report's command {what}", remedy)
