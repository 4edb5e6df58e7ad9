"""`catalog service`: what it writes, what it refuses, and what it says where no systemd runs."""

import os
import pwd
import shutil
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from catalog.cli.main import cli
from catalog.errors import CatalogError, ResourceError, UsageError
from catalog.installer import systemctl
from catalog.installer.unit_files import DROP_IN_NAME

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
SOMEBODY = "mail"  # an account of every Debian


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configured collection on a machine without systemd."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "config.toml").write_text(f'state = "{tmp_path}/state"\nroots = ["{tmp_path}/photos"]\n')
    monkeypatch.setenv("CATALOG_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(systemctl, "BOOTED_FOLDER", tmp_path / "not-booted")
    monkeypatch.setattr(systemctl, "SYSTEM_UNIT_FOLDER", tmp_path / "system")
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["service", *arguments])


def fault(result: Result) -> CatalogError:
    assert isinstance(result.exception, CatalogError), result.exception
    assert result.exception.remedy.endswith((".", ")"))
    return result.exception


def public(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other accounts into pytest's own folders, which a service of the machine could not see in /tmp."""
    monkeypatch.setattr("catalog.cli.commands.service.PRIVATE_FOLDERS", ())
    for folder in (home, *home.parents):
        if folder.owner() == pwd.getpwuid(os.geteuid()).pw_name and folder.is_relative_to("/tmp"):
            folder.chmod(folder.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)


def with_systemctl(home: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A systemctl that writes down what it is asked, and a machine that runs systemd."""
    (home / "bin").mkdir()
    (home / "bin" / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {home}/asked\n{script}\n')
    (home / "bin" / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    (home / "systemd").mkdir()
    return home / "asked"


def test_without_systemd_it_writes_the_unit_and_says_what_to_type(home: Path) -> None:
    result = call("install", "--user")
    assert result.exit_code == 0, result.exception
    folder = home / "xdg" / "systemd" / "user"
    assert f"--config {home}/config.toml\n" in (folder / "catalogd.service.d" / DROP_IN_NAME).read_text()
    assert f"--config {home}/config.toml scrub\n" in (folder / "catalog-scrub.service.d" / DROP_IN_NAME).read_text()
    for name in ("catalogd.service", "catalog-scrub.service", "catalog-scrub.timer"):
        assert (folder / name).exists()
    for line in (
        "daemon-reload",
        "enable catalogd.service catalog-scrub.timer catalog-report.timer",
        "restart catalogd.service",
        "restart catalog-scrub.timer",
        "restart catalog-report.timer",
    ):
        assert f"  systemctl --user {line}\n" in result.stderr
    assert "loginctl enable-linger" in result.stderr


def test_with_systemd_it_starts_the_service_and_a_second_time_leaves_it_running(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = with_systemctl(home, monkeypatch, "")
    assert call("install", "--user").exit_code == 0
    assert call("install", "--user").exit_code == 0
    lines = [line.removeprefix("--user ") for line in asked.read_text().splitlines()]
    first = ["daemon-reload", "enable catalogd.service catalog-scrub.timer catalog-report.timer"]
    units = ("catalogd.service", "catalog-scrub.timer", "catalog-report.timer")
    assert lines == [*first, *(f"restart {unit}" for unit in units), *first, *(f"start {unit}" for unit in units)]


def test_a_changed_drop_in_alone_restarts_the_service(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_systemctl(home, monkeypatch, "")
    assert call("install", "--user").exit_code == 0
    (home / "xdg" / "systemd" / "user" / "catalogd.service.d" / DROP_IN_NAME).write_text("")
    assert call("install", "--user").exit_code == 0
    assert [line.split()[1] for line in asked.read_text().splitlines()[-3:]] == ["restart", "start", "start"]


def test_the_owners_drop_ins_survive_a_second_installation_and_the_removal(home: Path) -> None:
    folder = home / "xdg" / "systemd" / "user"
    own = [folder / "catalogd.service.d" / "override.conf", folder / "catalog-scrub.timer.d" / "override.conf"]
    own.append(folder / "catalog-report.service.d" / "20-mine.conf")
    for path in own:
        path.parent.mkdir(parents=True)
        path.write_text(f"# {path}\n")
    assert call("install", "--user").exit_code == 0
    assert call("install", "--user").exit_code == 0
    assert (folder / "catalogd.service.d" / DROP_IN_NAME).exists()
    removed = call("uninstall", "--user")
    assert removed.exit_code == 0, removed.exception
    assert {path for path in folder.rglob("*") if path.is_file()} == set(own)
    assert all(path.read_text() == f"# {path}\n" for path in own)
    assert all(f"kept: {path.parent}, " in removed.stderr for path in own)


def test_an_edited_unit_is_saved_beside_the_new_one(home: Path) -> None:
    unit = home / "xdg" / "systemd" / "user" / "catalogd.service"
    unit.parent.mkdir(parents=True)
    for text, saved in (("[Service]\nNice=5\n", ".bak"), ("# mine", ".2.bak"), ("# mine", ".2.bak")):
        unit.write_text(text)
        unit.chmod(0o600)
        result = call("install", "--user")
        copy = unit.with_name(unit.name + saved)
        assert f"saved: {copy}, the unit it replaces; " in result.stderr
        assert "`systemctl --user edit catalogd.service`" in result.stderr
        assert (copy.read_text(), stat.S_IMODE(copy.stat().st_mode)) == (text, 0o600)
        assert unit.read_text() != text
    assert "saved:" not in call("install", "--user").stderr
    assert len(list(unit.parent.glob("*.bak"))) == 2


def test_a_service_that_will_not_start_is_an_error_that_names_the_journal(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_systemctl(home, monkeypatch, '[ "$2" != restart ] || { echo "Job failed." >&2; exit 1; }')
    found = fault(call("install", "--user"))
    assert isinstance(found, ResourceError)
    assert "Job failed." in found.problem
    assert "journalctl --user-unit catalogd" in found.remedy


def test_uninstall_removes_the_unit_and_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_systemctl(home, monkeypatch, "")
    call("install", "--user")
    before = (home / "config.toml").read_text()
    assert call("uninstall", "--user").exit_code == 0
    assert list((home / "xdg" / "systemd" / "user").iterdir()) == []
    assert asked.read_text().splitlines()[-6:] == [
        "--user disable --now catalog-scrub.timer",
        "--user disable --now catalog-report.timer",
        "--user stop catalog-scrub.service",
        "--user stop catalog-report.service",
        "--user disable --now catalogd.service",
        "--user daemon-reload",
    ]
    assert (home / "config.toml").read_text() == before
    again = call("uninstall", "--user")
    assert (again.exit_code, "nothing to remove" in again.stderr) == (0, True)


def test_a_unit_alone_from_an_older_version_is_removed_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_systemctl(home, monkeypatch, "")
    call("install", "--user")
    for name in ("catalog-scrub.service", "catalog-scrub.timer", "catalog-report.service", "catalog-report.timer"):
        (home / "xdg" / "systemd" / "user" / name).unlink()
    shutil.rmtree(home / "xdg" / "systemd" / "user" / "catalogd.service.d")
    assert call("uninstall", "--user").exit_code == 0
    assert asked.read_text().splitlines()[-2:] == ["--user disable --now catalogd.service", "--user daemon-reload"]


def test_print_shows_every_unit_and_its_place(home: Path) -> None:
    printed = call("install", "--user", "--print").stdout
    folder = home / "xdg" / "systemd" / "user"
    names = ("catalogd.service", "catalog-scrub.service", "catalog-report.service")
    drop_ins = [f"{name}.d/{DROP_IN_NAME}" for name in names]
    for name in (*names, *drop_ins, "catalog-scrub.timer", "catalog-report.timer"):
        assert f"# {folder / name}\n" in printed
    assert printed.count(f" --config {home}/config.toml") == len(names)
    for hour in ("02:00", "06:30"):
        assert f"OnCalendar=*-*-* {hour}:00\n" in printed
    assert not folder.exists()


def test_a_command_that_sends_the_report_opens_the_network_to_it(home: Path) -> None:
    shut = call("install", "--print", "--run-as", SOMEBODY).stdout
    with (home / "config.toml").open("a") as file:
        file.write('[report]\ncommand = "mail -s catalogd alice"\n')
    opened = call("install", "--print", "--run-as", SOMEBODY).stdout
    assert (shut.count("PrivateNetwork=no"), opened.count("PrivateNetwork=no")) == (0, 1)


def test_without_a_configuration_it_says_how_to_make_one(home: Path) -> None:
    (home / "config.toml").unlink()
    found = fault(call("install", "--user"))
    assert isinstance(found, UsageError)
    assert "catalog init" in found.remedy


def test_run_as_belongs_to_the_service_of_the_machine(home: Path) -> None:
    assert isinstance(fault(call("install", "--user", "--run-as", SOMEBODY)), UsageError)


def test_the_unit_runs_as_the_owner_of_the_first_root(home: Path) -> None:
    if os.geteuid() == 0:
        os.chown(home / "photos", pwd.getpwnam(SOMEBODY).pw_uid, 0)
    owner = (home / "photos").owner()
    assert f"\nUser={owner}\n" in call("install", "--print").stdout
    assert not (home / "system").exists(), "--print changes nothing"


@needs_root
def test_roots_of_root_want_a_name(home: Path) -> None:
    assert "--run-as USER" in fault(call("install", "--print")).remedy
    assert "\nUser=root\n" in call("install", "--print", "--run-as", "root").stdout


def test_an_unknown_account_is_refused(home: Path) -> None:
    assert isinstance(fault(call("install", "--print", "--run-as", "no-such-account")), UsageError)


def test_a_root_that_is_away_does_not_decide_who_reads(home: Path) -> None:
    (home / "photos").rmdir()
    assert isinstance(fault(call("install", "--print")), ResourceError)
    assert f"\nUser={SOMEBODY}\n" in call("install", "--print", "--run-as", SOMEBODY).stdout


@needs_root
def test_pictures_in_tmp_are_refused_since_the_service_would_see_none(home: Path) -> None:
    assert "--user" in fault(call("install", "--run-as", "root")).remedy


@needs_root
def test_install_gives_the_catalog_to_the_account(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public(home, monkeypatch)
    monkeypatch.setattr("catalog.cli.commands.service.service_program", lambda: Path("/bin/true"))
    (home / "state").mkdir(mode=0o700)
    (home / "state" / "catalog.db").write_bytes(b"")
    result = call("install", "--run-as", SOMEBODY)
    assert result.exit_code == 0, result.exception
    assert {place.owner() for place in (home / "state", home / "state" / "catalog.db")} == {SOMEBODY}
    for name in ("catalogd.service", "catalog-scrub.service", "catalog-report.service"):
        assert f"\nUser={SOMEBODY}\n" in (home / "system" / f"{name}.d" / DROP_IN_NAME).read_text()


@needs_root
@pytest.mark.parametrize("locked", ["photos", "config.toml", "program"])
def test_what_the_account_may_not_read_is_found_before_the_service_starts(
    home: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    public(home, monkeypatch)
    program = home / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("catalog.cli.commands.service.service_program", lambda: program)
    (home / locked).chmod(0o700)
    found = fault(call("install", "--run-as", SOMEBODY))
    assert isinstance(found, ResourceError)
    assert locked in found.problem
    assert not (home / "system").exists(), "no unit that cannot work is left behind"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_only_root_changes_the_services_of_the_machine(home: Path) -> None:
    assert "sudo" in fault(call("install")).remedy
