"""Nothing leaves the machine, and nothing is written outside the state directory."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.running_service import RunningService, picture
from tests.support.source_tree import imports, modules

NETWORK = {"ftplib", "http", "httpx", "requests", "smtplib", "ssl", "telnetlib", "urllib.request", "urllib3", "xmlrpc"}
SUPPRESSES = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY")  # what quiets telemetry without our doing


def test_the_product_imports_nothing_that_speaks_to_the_network() -> None:
    wrong = [
        str(found)
        for module in modules("models", "catalog", "daemon")
        for found in imports(module)
        if found.module in NETWORK or found.module.split(".")[0] in NETWORK
    ]
    assert wrong == []


def test_sockets_are_unix_sockets() -> None:
    import ast

    families = {
        node.attr
        for module in modules("models", "catalog", "daemon")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith(("AF_", "PF_"))
    }
    assert families == {"AF_UNIX"}


def test_a_full_pass_leaves_no_trace_in_the_home_and_opens_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in (*SUPPRESSES, "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    service = RunningService(tmp_path)
    service.path("a.png").write_bytes(picture(1))
    trace = ["strace", "-f", "-e", "trace=connect", "-o", str(tmp_path / "trace")] if shutil.which("strace") else []
    done = subprocess.run([*trace, *service._call("--once")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [row[0] for row in service.states().values()] == ["ok"]
    assert list(home.rglob("*")) == []
    if trace:
        calls = (tmp_path / "trace").read_text()
        assert "AF_UNIX" in calls, "the trace saw nothing at all"
        assert "AF_INET" not in calls
