"""Who the service runs as: a user who may read the pictures, and whether it can work as that user."""

import grp
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from catalog.config.load import Config
from catalog.errors import PlaceFault, UsageFault
from catalog.formatting import show


@dataclass(frozen=True, slots=True)
class Runner:
    """An account."""

    user: str
    group: str
    uid: int
    gid: int


def owner_of(root: bytes, named: str | None) -> Runner:
    """The account of that name, else the owner of the root. Raises Fault where there is none to be had."""
    try:
        account = pwd.getpwnam(named) if named else pwd.getpwuid(os.stat(root).st_uid)
        group = grp.getgrgid(account.pw_gid).gr_name
    except KeyError as error:
        who = f"a user {named!r}" if named else f"an account for the owner of {show(root)}"
        raise UsageFault(f"this machine does not have {who}", "Name who may read the roots: --run-as USER.") from error
    except OSError as error:
        raise PlaceFault(
            f"cannot look at {show(root)}: {os.strerror(error.errno or 0).lower()}",
            "Mount its disk, or name who may read it: --run-as USER.",
        ) from error
    if account.pw_uid == 0 and not named:
        raise UsageFault(
            f"root owns {show(root)}, and reading pictures needs no root",
            "Name who may read the roots: --run-as USER (--run-as root is accepted, too).",
        )
    return Runner(account.pw_name, group, account.pw_uid, account.pw_gid)


def may_run(runner: Runner, program: Path, config_file: Path, config: Config) -> None:
    """Give the catalog to the account, and see that it can do the work. Raises PlaceFault where it cannot."""
    _give(config.state, runner)
    if not _succeeds(runner, os.fspath(program), "--version"):
        raise PlaceFault(
            f"{runner.user} cannot run {program}",
            "Install catalogd where that user may read it (a venv in /opt/catalogd, say), or name another --run-as.",
        )
    places: list[tuple[str, str | Path]] = [("-r", config_file), ("-w", config.state)]
    places += [("-x", os.fsdecode(root)) for root in config.roots if os.path.isdir(root)]
    for test, place in places:
        if not (_succeeds(runner, "test", test, place) and _succeeds(runner, "test", "-r", place)):
            deed = "write in" if test == "-w" else "read"
            raise PlaceFault(
                f"{runner.user} cannot {deed} {show(os.fsencode(place))}",
                "Grant that (chmod, chgrp, setfacl; its parent folders too), or name another user: --run-as USER.",
            )


def _give(state: Path, runner: Runner) -> None:
    """`sudo catalog init` made these as root. Only root's, and only our own folder's: never what others put there."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        for place in (state, *state.iterdir()):
            if os.lstat(place).st_uid == os.geteuid():
                os.chown(place, runner.uid, runner.gid, follow_symlinks=False)
    except OSError as error:
        raise PlaceFault(
            f"cannot give {state} to {runner.user}: {os.strerror(error.errno or 0).lower()}",
            "Do it by hand (chown), or set another `state` in the configuration.",
        ) from error


def _succeeds(runner: Runner, *command: str | Path) -> bool:
    """Whether a command ends well when that account runs it."""
    groups = os.getgrouplist(runner.user, runner.gid)
    try:
        done = subprocess.run(
            command, user=runner.uid, group=runner.gid, extra_groups=groups, cwd="/", capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0
