"""The configured command that sends the report: its input, and its failures, which lose no report."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.errors import ResourceError, UsageError
from catalog.report.delivery import send_report
from tests.support.report_service import add_images
from tests.support.running_service import RunningService
from tests.support.waiting import wait_until


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    add_images(made)
    yield made
    made.close()


def script(folder: Path, body: str) -> str:
    """Return a command line that runs this shell script; `$1` is `folder`, the last argument the page."""
    file = folder / "send it"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return f"'{file}' '{folder}'"


def configure_command(service: RunningService, command: str) -> None:
    with service.config_path.open("a") as file:
        file.write(f'[report]\ncommand = "{command}"\n')


def test_the_command_receives_the_path_of_the_page_and_the_text(service: RunningService) -> None:
    configure_command(service, script(service.folder, 'cat > "$1/text"; printf %s "$2" > "$1/path"'))
    assert service.invoke("report").exit_code == 0
    page = Path((service.folder / "path").read_text())
    assert page.parent == service.state / "reports"
    assert page.read_text().startswith("<!DOCTYPE html>")
    text = (service.folder / "text").read_text()
    assert text.startswith("catalogd report")
    assert "\x1b" not in text
    prose = [line for line in text.splitlines() if not line.lstrip().startswith("/")]
    assert max(map(len, prose)) <= 80


@pytest.mark.parametrize(
    "command", ["false", "/no/such/program", "an 'open quote", "sh -c 'echo no such host >&2; exit 7'"]
)
def test_a_failing_command_is_reported_and_the_report_is_stored(service: RunningService, command: str) -> None:
    configure_command(service, command)
    result = service.invoke("report")
    assert result.exit_code == 1
    assert "Nothing needs your attention." in result.stdout
    assert "command" in result.stderr and "remedy:" in result.stderr
    assert ("no such host" in result.stderr) == ("no such host" in command)
    assert len(list((service.state / "reports").iterdir())) == 2


def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    command = script(tmp_path, 'sleep 1000 & echo $! > "$1/child"; sleep 1000')
    with pytest.raises(ResourceError, match="did not finish within 1 s"):
        send_report(command, tmp_path / "page", "text", seconds=1.0)
    child = int((tmp_path / "child").read_text())
    assert wait_until(lambda: not alive(child))


def test_a_surviving_child_of_the_command_does_not_block(tmp_path: Path) -> None:
    before = time.monotonic()
    send_report(script(tmp_path, 'setsid sleep 300 & echo $! > "$1/child"'), tmp_path / "page", "text")
    assert time.monotonic() - before < 200
    os.kill(int((tmp_path / "child").read_text()), 9)


def test_the_command_is_not_interpreted_by_a_shell(tmp_path: Path) -> None:
    send_report(script(tmp_path, 'printf "%s\\n" "$@" > "$1/words"') + " '$(id)' ';' '*'", tmp_path / "a page", "text")
    assert (tmp_path / "words").read_text().splitlines()[1:] == ["$(id)", ";", "*", str(tmp_path / "a page")]


def test_unbalanced_quotes_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        send_report('mail "alice', tmp_path / "page", "text")


def test_a_report_since_a_date_is_not_sent(service: RunningService) -> None:
    configure_command(service, script(service.folder, 'touch "$1/sent"'))
    assert service.invoke("report", "--since", "2001-01-01").exit_code == 0
    assert not (service.folder / "sent").exists()


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
