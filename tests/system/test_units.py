"""The systemd units: systemd accepts them, they sandbox the service, and their settings match what it does."""

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.errors import UsageError
from catalog.installer.unit_files import (
    REPORT_TIMER,
    REPORT_UNIT,
    SCRUB_TIMER,
    SCRUB_UNIT,
    SERVICE_UNIT,
    SERVICES,
    SYSTEM_STATE,
    UnitSettings,
    drop_in_path,
    system_unit_files,
    user_unit_files,
)
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

PR_SET_MDWE, PR_GET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 66, 1  # linux/prctl.h, since 6.3
SHIPPED = Path(__file__).parents[2] / "systemd"
PROGRAM = Path(sys.executable)  # systemd-analyze wants a program that exists
CONFIG = Path("/etc/catalogd/config.toml")
SETTINGS = UnitSettings(PROGRAM, CONFIG, SYSTEM_STATE, "mail", "mail")  # an account of every Debian
SYSTEM_FILES, USER_FILES = system_unit_files(SETTINGS), user_unit_files(SETTINGS)
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


def values(files: dict[str, str], unit: str, key: str) -> list[str]:
    """Return all values of a key as systemd reads them: the unit, then our drop-in; an empty value resets the list."""
    found: list[str] = []
    for value in re.findall(rf"(?m)^{key}=(.*)$", files[unit] + files.get(drop_in_path(unit), "")):
        found = [*found, value] if value else []
    return found


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def test_units_are_shipped_verbatim_and_only_services_have_a_drop_in() -> None:
    names = {name for name in SYSTEM_FILES if "/" not in name}
    assert all(SYSTEM_FILES[name] == (SHIPPED / name).read_text() for name in names)
    assert all(USER_FILES[name] == (SHIPPED / name.replace(".s", "-user.s")).read_text() for name in names)
    for files in (SYSTEM_FILES, USER_FILES):
        assert set(files) - names == {f"{unit}.d/10-catalogd.conf" for unit in SERVICES}


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("user", ["mail", "root"])
def test_exposure_is_at_most_one_and_a_half_with_a_gpu(tmp_path: Path, user: str, name: str) -> None:
    files = system_unit_files(UnitSettings(PROGRAM, CONFIG, Path("/srv/state"), user, user))
    assert ("char-nvidia-uvm rw" in values(files, name, "DeviceAllow")) == (name != REPORT_UNIT), "it needs no GPU"
    write_files(tmp_path, files)
    found = analyze("security", "--offline=true", "--threshold=15", str(tmp_path / name))
    assert found.returncode == 0, found.stdout[-400:] + found.stderr
    as_root = "Service runs as root user" in found.stdout
    assert as_root == (user == "root"), "the drop-in is part of what was analyzed"


@needs_systemd
@pytest.mark.parametrize(("level", "files"), [("--system", SYSTEM_FILES), ("--user", USER_FILES)])
def test_systemd_accepts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, files: dict[str, str]
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    write_files(tmp_path, files)
    found = analyze("verify", level, "--man=no", *(str(tmp_path / name) for name in files if "/" not in name))
    assert (found.returncode, found.stderr) == (0, "")


@needs_systemd
def test_a_mistake_in_a_unit_or_a_drop_in_is_seen_by_this_test(tmp_path: Path) -> None:
    unit, drop_in = SYSTEM_FILES[SERVICE_UNIT], SYSTEM_FILES[drop_in_path(SERVICE_UNIT)]
    mistakes = {SERVICE_UNIT: unit.replace("KillMode=mixed", "KillMode=gently")}
    mistakes[drop_in_path(SERVICE_UNIT)] = drop_in + "KillSignal=SIGNICE\n"
    write_files(tmp_path, mistakes)
    complaints = analyze("verify", "--man=no", str(tmp_path / SERVICE_UNIT)).stderr
    assert "gently" in complaints and "SIGNICE" in complaints


@pytest.mark.parametrize("files", [SYSTEM_FILES, USER_FILES])
def test_the_scrub_has_the_sandbox_of_the_service_and_the_lowest_priority(files: dict[str, str]) -> None:
    """Where no service runs, it decodes hostile files itself."""
    service, scrub = (
        set(files[name].split("[Service]")[1].split("[Install]")[0].splitlines()) for name in (SERVICE_UNIT, SCRUB_UNIT)
    )
    shared = {
        line for line in service if re.match(r"(Protect|Private|Restrict|SystemCall|Device|Capab|Memory|NoNew)", line)
    }
    assert shared - scrub == set()
    assert {"CPUSchedulingPolicy=idle", "IOSchedulingClass=idle", "Type=oneshot"} <= scrub
    assert "RemoveIPC=yes" not in scrub, "it exits each night, and the service runs as the same user"


def test_the_report_has_the_sandbox_of_the_scrub_without_the_gpu() -> None:
    """It has thumbnails made of hostile files."""
    scrub, report = (set(SYSTEM_FILES[name].split("[Service]")[1].splitlines()) for name in (SCRUB_UNIT, REPORT_UNIT))
    sandbox = {line for line in scrub if re.match(r"(Protect|Private|Restrict|SystemCall|Capab|Memory|NoNew|IP)", line)}
    assert sandbox - report == {"PrivateDevices=no"}
    assert {"PrivateDevices=yes", "CPUSchedulingPolicy=idle", "Type=oneshot"} <= report
    after = values(SYSTEM_FILES, REPORT_UNIT, "After")[0].split()
    assert SCRUB_UNIT in after, "it reports what tonight's scrub has found"


def test_only_the_report_gets_a_network_and_only_with_a_command_that_sends_it() -> None:
    sending = system_unit_files(UnitSettings(PROGRAM, CONFIG, SYSTEM_STATE, "mail", "mail", sends=True))
    assert values(SYSTEM_FILES, REPORT_UNIT, "PrivateNetwork") == ["yes"]
    assert values(SYSTEM_FILES, REPORT_UNIT, "IPAddressDeny") == ["any"]
    assert values(sending, REPORT_UNIT, "PrivateNetwork")[-1] == "no"
    assert values(sending, REPORT_UNIT, "RestrictAddressFamilies") == ["AF_UNIX AF_INET AF_INET6 AF_NETLINK"]
    assert values(sending, REPORT_UNIT, "IPAddressDeny") == []
    assert {name for name, text in sending.items() if text != SYSTEM_FILES[name]} == {drop_in_path(REPORT_UNIT)}


def test_the_report_comes_after_scrub_and_backup() -> None:
    assert values(SYSTEM_FILES, REPORT_TIMER, "OnCalendar") == ["*-*-* 06:30:00"]
    assert values(SYSTEM_FILES, REPORT_TIMER, "Persistent") == ["true"]
    assert values(SYSTEM_FILES, REPORT_TIMER, "WantedBy") == ["timers.target"]


def test_the_scrub_is_nightly_and_makes_up_for_a_missed_night() -> None:
    assert values(SYSTEM_FILES, SCRUB_TIMER, "OnCalendar") == ["*-*-* 02:00:00"]
    assert values(SYSTEM_FILES, SCRUB_TIMER, "Persistent") == ["true"]
    assert values(SYSTEM_FILES, SCRUB_TIMER, "WantedBy") == ["timers.target"]


def test_a_state_directory_of_the_owners_choice_is_the_only_writable_path() -> None:
    files = system_unit_files(UnitSettings(PROGRAM, CONFIG, Path("/srv/my catalog/100%"), "mail", "mail"))
    for unit in SERVICES:
        assert values(files, unit, "ReadWritePaths") == ['"/srv/my catalog/100%%"']
        assert values(files, unit, "StateDirectory") == []
        assert values(files, unit, "ProtectSystem") == ["strict"]


def test_systemd_creates_the_default_state_directory() -> None:
    for unit in SERVICES:
        assert values(SYSTEM_FILES, unit, "StateDirectory") == ["catalogd"]
        assert values(SYSTEM_FILES, unit, "ReadWritePaths") == []


def test_the_command_line_survives_any_path() -> None:
    settings = UnitSettings(Path("/opt/a b/catalogd"), Path('/etc/$HOME/say "hi"\\.toml'), SYSTEM_STATE, "mail", "mail")
    for files in (system_unit_files(settings), user_unit_files(settings)):
        config = '--config "/etc/$$HOME/say \\"hi\\"\\\\.toml"'
        assert values(files, SERVICE_UNIT, "ExecStart") == [f'"/opt/a b/catalogd" {config}']
        assert values(files, SCRUB_UNIT, "ExecStart") == [f'"/opt/a b/catalog" {config} scrub']
        assert values(files, REPORT_UNIT, "ExecStart") == [f'"/opt/a b/catalog" {config} report']


def test_a_path_that_could_forge_a_line_is_refused() -> None:
    with pytest.raises(UsageError):
        system_unit_files(UnitSettings(PROGRAM, Path("/etc/a\nUser=root"), SYSTEM_STATE, "mail", "mail"))


def test_root_gets_the_capability_to_read_everything_and_no_other() -> None:
    as_root = system_unit_files(UnitSettings(PROGRAM, CONFIG, SYSTEM_STATE, "root", "root"))
    for unit in SERVICES:
        assert values(as_root, unit, "CapabilityBoundingSet") == ["CAP_DAC_READ_SEARCH"]
        assert "\nCapabilityBoundingSet=\n" in SYSTEM_FILES[unit]
        assert values(SYSTEM_FILES, unit, "CapabilityBoundingSet") == []


@pytest.mark.parametrize("files", [SYSTEM_FILES, USER_FILES])
def test_the_service_stops_cleanly_and_restarts_unless_the_configuration_is_wrong(files: dict[str, str]) -> None:
    assert values(files, SERVICE_UNIT, "Type") == ["notify"]
    assert values(files, SERVICE_UNIT, "KillMode") == ["mixed"]
    assert values(files, SERVICE_UNIT, "ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert values(files, SERVICE_UNIT, "RestartPreventExitStatus") == [str(UsageError.exit_code)]
    assert values(files, SERVICE_UNIT, "OOMPolicy") == ["continue"]


def test_the_service_works_where_no_memory_may_be_both_written_and_executed(tmp_path: Path) -> None:
    """MemoryDenyWriteExecute, by the kernel's own switch of the same meaning, for the service and its workers."""
    if ctypes.CDLL(None).prctl(PR_GET_MDWE, 0, 0, 0, 0) < 0:
        pytest.skip("this kernel has no PR_SET_MDWE")
    service = RunningService(tmp_path)
    for name in ("a.JPEG", "b.PNG", "c.WEBP", "d.TIFF", "e.GIF", "f.BMP"):
        service.path(name).write_bytes(picture(ord(name[0]), name[2:]))
    service.start(preexec=deny_write_execute)
    try:
        assert wait_until(lambda: [state for state, _, _ in service.states().values()] == ["ok"] * 6), service.tail()
        assert wait_until(lambda: (service.live() or {})["index"]["size"] == 6), service.tail()
        assert service.stop() == 0
    finally:
        service.close()


def deny_write_execute() -> None:
    assert ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0
