"""Make the two pictures of the README: `python -m tools.pictures`, with Debian's chromium installed.

A sample collection is catalogued, labelled, and damaged in one file. Then `docs/pictures/terminal.svg` shows a few
commands, and `docs/pictures/report.png` the top of the nightly report.
"""

import argparse
import io
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

SHOWN_AS = "/srv/photos"  # in the pictures, instead of the temporary directory
TERMINAL_COLUMNS = 110
REPORT_WIDTH, REPORT_HEIGHT = 1280, 960  # pixels
SESSION = (
    ("catalog status", 30),
    ("catalog damage", 6),
    ("catalog candidates -n 5", 7),
    (f"catalog similar -k 3 {SHOWN_AS}/Photos/Garden/DSC02161.jpg", 4),
    ("catalog dups", 3),
)  # commands, and how many lines of each are shown
CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
)


class Collection:
    """A catalogued sample collection below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.photos = folder / "photos"
        self._environment = {
            **os.environ,
            "CATALOG_CONFIG": str(folder / "config.toml"),
            "TERM": "xterm-256color",
            "COLUMNS": str(TERMINAL_COLUMNS),
            "TZ": "UTC",
        }
        _run(sys.executable, "-m", "tools.samples", str(self.photos))
        self.run(f"catalog init --state {shlex.quote(str(folder / 'state'))} {SHOWN_AS}")
        self.run("catalogd --once")

    def run(self, command: str) -> str:
        """Run `command` on the collection; return what it prints to a terminal, with SHOWN_AS in its paths."""
        arguments = shlex.split(command.replace(SHOWN_AS, str(self.photos)))
        arguments[0] = str(Path(sys.executable).with_name(arguments[0]))
        ours, theirs = pty.openpty()  # colours are for terminals only
        with subprocess.Popen(arguments, env=self._environment, stdout=theirs, stderr=subprocess.PIPE) as process:
            os.close(theirs)
            printed = _read_terminal(ours)
            problem = (process.stderr.read() if process.stderr else b"").decode()
        if process.returncode not in (0, 1):  # 1: findings
            sys.exit(f"{command}: {problem}")
        return printed.replace(str(self.photos), SHOWN_AS)

    def prepare(self) -> None:
        """Label, train, and damage one file that has an intact copy."""
        self.run(f'catalog label keep "{SHOWN_AS}/Photos/**" "{SHOWN_AS}/Camera/**" "{SHOWN_AS}/Phone/**"')
        self.run(f'catalog label delete "{SHOWN_AS}/Memes/*2[0-4]*"')
        self.run("catalog train")
        damaged = next((self.photos / "Backup").rglob("*.jpg"))
        self._overwrite(damaged)
        self.run("catalogd --once")

    def _overwrite(self, file: Path) -> None:
        before = file.stat()
        with file.open("r+b") as opened:
            opened.seek(before.st_size // 2)
            opened.write(bytes(4096))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def terminal_picture(collection: Collection, target: Path) -> None:
    """Write an SVG of a terminal that shows SESSION."""
    console = Console(record=True, width=TERMINAL_COLUMNS, file=io.StringIO(), force_terminal=True)
    for command, lines in SESSION:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        printed = collection.run(command).rstrip("\n").splitlines()
        for line in printed[:lines]:
            console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis")
        if len(printed) > lines:
            console.print(Text("…", "dim"))
        console.print()
    svg = console.export_svg(title="catalog")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # they load fonts from the network
    target.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), encoding="utf-8")


def report_picture(collection: Collection, folder: Path, target: Path) -> None:
    """Write a PNG of the top of the report page."""
    page = folder / "report.html"
    collection.run(f"catalog report --html {shlex.quote(str(page))}")
    page.write_text(page.read_text(encoding="utf-8").replace(str(collection.photos), SHOWN_AS), encoding="utf-8")
    _run(
        *CHROMIUM,
        f"--user-data-dir={folder / 'chromium'}",
        f"--window-size={REPORT_WIDTH},{REPORT_HEIGHT}",
        f"--screenshot={target}",
        page.as_uri(),
    )


def _read_terminal(descriptor: int) -> str:
    """Return what is written to a pseudo-terminal until its last writer closes it (EIO)."""
    parts = []
    with open(descriptor, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(65536):
                parts.append(part)
        except OSError:
            pass
    return b"".join(parts).decode().replace("\r\n", "\n")


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{command[0]}: {result.stderr}")


def main() -> None:
    """Make both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    out = parser.parse_args().out
    if shutil.which(CHROMIUM[0]) is None:
        sys.exit("chromium is not installed\nInstall it: apt install chromium")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        collection = Collection(Path(name))
        collection.prepare()
        terminal_picture(collection, out / "terminal.svg")
        report_picture(collection, Path(name), out / "report.png")


if __name__ == "__main__":
    main()
