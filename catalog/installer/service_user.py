"""The account that the service runs as, and whether it has the permissions it needs."""

import grp
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from catalog.config.load import Config
from catalog.errors import ResourceError, UsageError, error_text, resource_errors
from catalog.formatting import printable_path


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A user account and its primary group."""

    user: str
    group: str
    uid: int
    gid: int


def service_account(root: bytes, user: str | None) -> ServiceAccount:
    """Return the account named `user`, else the owner of `root`. Raises UsageError, ResourceError."""
    try:
        account = pwd.getpwnam(user) if user else pwd.getpwuid(os.stat(root).st_uid)
        group = grp.getgrgid(account.pw_gid).gr_name
    except KeyError as error:
        missing = f"user {user!r}" if user else f"account for the owner of {printable_path(root)}"
        raise UsageError(
            f"this machine has no {missing}", "Name a user who may read the roots: --run-as USER."
        ) from error
    except OSError as error:
        raise ResourceError(
            f"cannot access {printable_path(root)}: {error_text(error)}",
            "Mount its disk, or name a user who may read it: --run-as USER.",
        ) from error
    if account.pw_uid == 0 and not user:
        raise UsageError(
            f"{printable_path(root)} belongs to root, but reading images does not need root",
            "Name a user who may read the roots: --run-as USER (--run-as root is accepted, too).",
        )
    return ServiceAccount(account.pw_name, group, account.pw_uid, account.pw_gid)


def prepare_account(account: ServiceAccount, program: Path, config_file: Path, config: Config) -> None:
    """Give the account the state directory, and check that it can read everything else. Raises ResourceError."""
    _chown_state(config.state, account)
    if not _succeeds(account, os.fspath(program), "--version"):
        raise ResourceError(
            f"{account.user} cannot run {program}",
            "Install catalogd where that user may read it (for example in a venv in /opt/catalogd), or name another"
            " user: --run-as USER.",
        )
    checks: list[tuple[str, str | Path]] = [("-r", config_file), ("-w", config.state)]
    checks += [("-x", os.fsdecode(root)) for root in config.roots if os.path.isdir(root)]
    for test, path in checks:
        if not (_succeeds(account, "test", test, path) and _succeeds(account, "test", "-r", path)):
            action = "write in" if test == "-w" else "read"
            raise ResourceError(
                f"{account.user} cannot {action} {printable_path(os.fsencode(path))}",
                "Grant that (chmod, chgrp, setfacl; its parent folders too), or name another user: --run-as USER.",
            )


def _chown_state(state: Path, account: ServiceAccount) -> None:
    """Give the account the files in the state directory that belong to this process's user.

    `sudo catalog init` created them as root. Other users' files are left alone, and so is anything in subfolders.
    """
    remedy = "Do it by hand (chown), or set another `state` in the configuration."
    with resource_errors(f"cannot give {state} to {account.user}", remedy):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (state, *state.iterdir()):
            if os.lstat(path).st_uid == os.geteuid():
                os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _succeeds(account: ServiceAccount, *command: str | Path) -> bool:
    """Return whether a command exits with 0 when run as the account."""
    groups = os.getgrouplist(account.user, account.gid)
    try:
        done = subprocess.run(
            command, user=account.uid, group=account.gid, extra_groups=groups, cwd="/", capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0
