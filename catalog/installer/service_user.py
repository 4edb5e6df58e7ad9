"""Who the service runs as: a user who may read the pictures, and whether it can work as that user."""

import grp
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from catalog.config.load import Config
from catalog.errors import ResourceError, UsageError
from catalog.formatting import printable_path


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """An account."""

    user: str
    group: str
    uid: int
    gid: int


def service_account(root: bytes, named: str | None) -> ServiceAccount:
    """The account of that name, else the owner of the root. Raises Fault where there is none to be had."""
    try:
        account = pwd.getpwnam(named) if named else pwd.getpwuid(os.stat(root).st_uid)
        group = grp.getgrgid(account.pw_gid).gr_name
    except KeyError as error:
        who = f"a user {named!r}" if named else f"an account for the owner of {printable_path(root)}"
        raise UsageError(f"this machine does not have {who}", "Name who may read the roots: --run-as USER.") from error
    except OSError as error:
        raise ResourceError(
            f"cannot look at {printable_path(root)}: {os.strerror(error.errno or 0).lower()}",
            "Mount its disk, or name who may read it: --run-as USER.",
        ) from error
    if account.pw_uid == 0 and not named:
        raise UsageError(
            f"root owns {printable_path(root)}, and reading pictures needs no root",
            "Name who may read the roots: --run-as USER (--run-as root is accepted, too).",
        )
    return ServiceAccount(account.pw_name, group, account.pw_uid, account.pw_gid)


def prepare_account(runner: ServiceAccount, program: Path, config_file: Path, config: Config) -> None:
    """Give the catalog to the account, and see that it can do the work. Raises ResourceError where it cannot."""
    _chown_state(config.state, runner)
    if not _succeeds(runner, os.fspath(program), "--version"):
        raise ResourceError(
            f"{runner.user} cannot run {program}",
            "Install catalogd where that user may read it (a venv in /opt/catalogd, say), or name another --run-as.",
        )
    places: list[tuple[str, str | Path]] = [("-r", config_file), ("-w", config.state)]
    places += [("-x", os.fsdecode(root)) for root in config.roots if os.path.isdir(root)]
    for test, place in places:
        if not (_succeeds(runner, "test", test, place) and _succeeds(runner, "test", "-r", place)):
            deed = "write in" if test == "-w" else "read"
            raise ResourceError(
                f"{runner.user} cannot {deed} {printable_path(os.fsencode(place))}",
                "Grant that (chmod, chgrp, setfacl; its parent folders too), or name another user: --run-as USER.",
            )


def _chown_state(state: Path, runner: ServiceAccount) -> None:
    """`sudo catalog init` made these as root. Only root's, and only our own folder's: never what others put there."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        for place in (state, *state.iterdir()):
            if os.lstat(place).st_uid == os.geteuid():
                os.chown(place, runner.uid, runner.gid, follow_symlinks=False)
    except OSError as error:
        raise ResourceError(
            f"cannot give {state} to {runner.user}: {os.strerror(error.errno or 0).lower()}",
            "Do it by hand (chown), or set another `state` in the configuration.",
        ) from error


def _succeeds(runner: ServiceAccount, *command: str | Path) -> bool:
    """Whether a command ends well when that account runs it."""
    groups = os.getgrouplist(runner.user, runner.gid)
    try:
        done = subprocess.run(
            command, user=runner.uid, group=runner.gid, extra_groups=groups, cwd="/", capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0
