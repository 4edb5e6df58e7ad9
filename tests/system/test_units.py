"""The systemd units: accepted by systemd, closed to what the service does not need, and true to what it does."""

import ctypes
import os
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
    SYSTEM_STATE,
    UnitSettings,
    system_unit,
    system_units,
    user_unit,
    user_units,
)
from tests.support.running_service import Household, picture, until

PR_SET_MDWE, PR_GET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 66, 1  # linux/prctl.h, since 6.3
PROGRAM = Path(sys.executable)  # systemd wants to see a program that exists
CONFIG = Path("/etc/catalogd/config.toml")
SITE = UnitSettings(PROGRAM, CONFIG, SYSTEM_STATE, "mail", "mail")  # an account of every Debian
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


def values(unit: str, key: str) -> list[str]:
    return re.findall(rf"(?m)^{key}=(.*)$", unit)


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@needs_systemd
@pytest.mark.parametrize("name", ["catalogd.service", SCRUB_UNIT, REPORT_UNIT])
@pytest.mark.parametrize("user", ["mail", "root"])
def test_exposure_is_at_most_one_and_a_half_with_a_gpu(tmp_path: Path, user: str, name: str) -> None:
    place = tmp_path / name
    unit = system_units(UnitSettings(PROGRAM, CONFIG, Path("/srv/state"), user, user))[name]
    assert ("char-nvidia-uvm rw" in values(unit, "DeviceAllow")) == (name != REPORT_UNIT), "it needs no GPU"
    place.write_text(unit)
    found = analyze("security", "--offline=true", "--threshold=15", str(place))
    assert found.returncode == 0, found.stdout[-400:] + found.stderr


@needs_systemd
@pytest.mark.parametrize(("level", "units"), [("--system", system_units(SITE)), ("--user", user_units(SITE))])
def test_systemd_accepts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, units: dict[str, str]
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    found = analyze("verify", level, "--man=no", *(str(tmp_path / name) for name in units))
    assert (found.returncode, found.stderr) == (0, "")


@needs_systemd
def test_a_mistake_in_a_unit_is_seen_by_this_test(tmp_path: Path) -> None:
    place = tmp_path / "catalogd.service"
    place.write_text(system_unit(SITE).replace("KillMode=mixed", "KillMode=gently"))
    assert "gently" in analyze("verify", "--man=no", str(place)).stderr


@pytest.mark.parametrize("units", [system_units(SITE), user_units(SITE)])
def test_the_scrub_is_shut_in_like_the_service_and_gives_way_to_all(units: dict[str, str]) -> None:
    """Where no service runs it decodes hostile files itself."""
    service, scrub = (
        set(units[name].split("[Service]")[1].split("[Install]")[0].splitlines()) for name in (SERVICE_UNIT, SCRUB_UNIT)
    )
    shared = {
        line for line in service if re.match(r"(Protect|Private|Restrict|SystemCall|Device|Capab|Memory|NoNew)", line)
    }
    assert shared - scrub == set()
    assert {"CPUSchedulingPolicy=idle", "IOSchedulingClass=idle", "Type=oneshot"} <= scrub
    assert "RemoveIPC=yes" not in scrub, "it ends each night, and the service runs as the same user"


def test_the_report_is_shut_in_like_the_scrub_but_for_the_gpu() -> None:
    """It has thumbnails made of hostile files."""
    scrub, report = (
        set(system_units(SITE)[name].split("[Service]")[1].splitlines()) for name in (SCRUB_UNIT, REPORT_UNIT)
    )
    shut = {line for line in scrub if re.match(r"(Protect|Private|Restrict|SystemCall|Capab|Memory|NoNew|IP)", line)}
    assert shut - report == {"PrivateDevices=no"}
    assert {"PrivateDevices=yes", "CPUSchedulingPolicy=idle", "Type=oneshot"} <= report
    assert SCRUB_UNIT in values(system_units(SITE)[REPORT_UNIT], "After")[0].split(), (
        "it tells what tonight's scrub has found"
    )


def test_only_who_sends_the_report_gets_a_network_and_only_the_report() -> None:
    quiet = system_units(SITE)
    sending = system_units(UnitSettings(PROGRAM, CONFIG, SYSTEM_STATE, "mail", "mail", sends=True))
    assert values(quiet[REPORT_UNIT], "PrivateNetwork") == ["yes"]
    assert values(sending[REPORT_UNIT], "PrivateNetwork") == ["no"]
    assert "AF_INET" in values(sending[REPORT_UNIT], "RestrictAddressFamilies")[0].split()
    assert values(sending[REPORT_UNIT], "IPAddressDeny") == []
    assert {name for name, text in sending.items() if text != quiet[name]} == {REPORT_UNIT}


def test_the_report_comes_after_scrub_and_backup() -> None:
    timer = system_units(SITE)[REPORT_TIMER]
    assert (values(timer, "OnCalendar"), values(timer, "Persistent")) == (["*-*-* 06:30:00"], ["true"])
    assert values(timer, "WantedBy") == ["timers.target"]


def test_the_timer_is_nightly_and_makes_up_for_a_night_that_was_missed() -> None:
    timer = system_units(SITE)[SCRUB_TIMER]
    assert (values(timer, "OnCalendar"), values(timer, "Persistent")) == (["*-*-* 02:00:00"], ["true"])
    assert values(timer, "WantedBy") == ["timers.target"]


def test_a_state_of_the_owners_choice_is_the_only_place_to_write() -> None:
    units = system_units(UnitSettings(PROGRAM, CONFIG, Path("/srv/my catalog/100%"), "mail", "mail"))
    for unit in (units[SERVICE_UNIT], units[SCRUB_UNIT], units[REPORT_UNIT]):
        assert values(unit, "ReadWritePaths") == ['"/srv/my catalog/100%%"']
        assert values(unit, "StateDirectory") == []
        assert values(unit, "ProtectSystem") == ["strict"]


def test_the_usual_state_is_made_by_systemd() -> None:
    unit = system_unit(SITE)
    assert (values(unit, "StateDirectory"), values(unit, "ReadWritePaths")) == (["catalogd"], [])


def test_the_command_line_survives_any_path() -> None:
    site = UnitSettings(Path("/opt/a b/catalogd"), Path('/etc/$HOME/say "hi"\\.toml'), SYSTEM_STATE, "mail", "mail")
    for unit in (system_unit(site), user_unit(site)):
        assert values(unit, "ExecStart") == ['"/opt/a b/catalogd" --config "/etc/$$HOME/say \\"hi\\"\\\\.toml"']
    for units in (system_units(site), user_units(site)):
        catalog = '"/opt/a b/catalog" --config "/etc/$$HOME/say \\"hi\\"\\\\.toml"'
        assert values(units[SCRUB_UNIT], "ExecStart") == [f"{catalog} scrub"]
        assert values(units[REPORT_UNIT], "ExecStart") == [f"{catalog} report"]


def test_a_path_that_could_forge_a_line_is_refused() -> None:
    with pytest.raises(UsageError):
        system_unit(UnitSettings(PROGRAM, Path("/etc/a\nUser=root"), SYSTEM_STATE, "mail", "mail"))


def test_root_may_read_all_and_nothing_more() -> None:
    assert values(
        system_unit(UnitSettings(PROGRAM, CONFIG, SYSTEM_STATE, "root", "root")), "CapabilityBoundingSet"
    ) == ["CAP_DAC_READ_SEARCH"]
    assert values(system_unit(SITE), "CapabilityBoundingSet") == [""]


@pytest.mark.parametrize("unit", [system_unit(SITE), user_unit(SITE)])
def test_it_stops_in_order_and_comes_back_unless_the_configuration_is_wrong(unit: str) -> None:
    assert values(unit, "Type") == ["notify"]
    assert values(unit, "KillMode") == ["mixed"]
    assert values(unit, "ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert values(unit, "RestartPreventExitStatus") == [str(UsageError.exit_code)]
    assert values(unit, "OOMPolicy") == ["continue"]


def test_it_works_where_no_memory_may_be_both_written_and_executed(tmp_path: Path) -> None:
    """MemoryDenyWriteExecute, by the kernel's own switch of the same meaning, for the service and its workers."""
    if ctypes.CDLL(None).prctl(PR_GET_MDWE, 0, 0, 0, 0) < 0:
        pytest.skip("this kernel has no PR_SET_MDWE")
    house = Household(tmp_path)
    for name in ("a.JPEG", "b.PNG", "c.WEBP", "d.TIFF", "e.GIF", "f.BMP"):
        (Path(os.fsdecode(house.root)) / name).write_bytes(picture(ord(name[0]), name[2:]))
    house.start(preexec=deny_write_execute)
    try:
        assert until(lambda: [state for state, _, _ in house.states().values()] == ["ok"] * 6), house.tail()
        assert until(lambda: (house.live() or {})["index"]["size"] == 6), house.tail()
        assert house.stop() == 0
    finally:
        house.close()


def deny_write_execute() -> None:
    assert ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0
