"""Send a report with the command that the owner configured: by mail, push message or printer."""

import os
import shlex
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryFile

from catalog.errors import CatalogError, ResourceError, UsageError

TIMEOUT_SECONDS = 120.0
OUTPUT_TAIL_BYTES = 500  # of the command's output, quoted in the error


def send_report(command: str, page: Path, text: str, seconds: float = TIMEOUT_SECONDS) -> None:
    """Run `command` with the page's path as its last argument and the text on stdin, without a shell.

    Its stdin and output are files, not pipes: a surviving child could keep a pipe open and block us. Raises UsageError
    if the command line cannot be parsed, ResourceError if the program is missing, fails, or takes longer than
    `seconds`.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"cannot parse [report] command: {error}", "Fix its quotes.") from error
    with TemporaryFile() as stdin, TemporaryFile() as output:
        stdin.write(text.encode("utf-8", "replace"))
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                [*words, os.fspath(page)],
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise _command_error(words, f"cannot be run: {error}") from error
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise _command_error(words, f"did not finish within {seconds:g} s") from None
        finally:
            _kill_group(process)
        if code:
            output.seek(max(0, output.seek(0, os.SEEK_END) - OUTPUT_TAIL_BYTES))
            tail = output.read().decode("utf-8", "replace").strip()
            raise _command_error(words, f"failed with exit code {code}" + (f": {tail}" if tail else ""))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all it started, if it is still running."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command_error(words: list[str], problem: str) -> CatalogError:
    remedy = f"The report is stored but was not sent. Run `{shlex.join(words)}` by hand, or correct [report] command."
    return ResourceError(f"the report's command {problem}", remedy)
