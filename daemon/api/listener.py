"""The listening socket: bound atomically, for its owner only."""

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from catalog.client.service import socket_address

BACKLOG = 64
PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


class Listener(NamedTuple):
    """A listening socket and the inode of its path."""

    socket: socket.socket
    inode: int


def listen_at(path: Path) -> Listener:
    """Listen at `path`, in place of whatever socket is there.

    The socket is owner-only from the start, since bind takes the mode of the socket's own inode. It is renamed into
    place once it listens. Raises OSError.
    """
    temporary_name = f"{path.name}.new"
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            os.unlink(temporary_name, dir_fd=folder)
        os.fchmod(listening.fileno(), 0o600)
        listening.bind(socket_address(folder, temporary_name))
        listening.listen(BACKLOG)
        os.rename(temporary_name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        return Listener(listening, os.stat(path.name, dir_fd=folder).st_ino)
    except OSError:
        listening.close()
        raise
    finally:
        os.close(folder)


def is_authorized(connection: socket.socket) -> bool:
    """Return whether the peer is root or the user who runs the service."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size)
    _, uid, _ = PEER_CREDENTIALS.unpack(credentials)
    return uid in (0, os.geteuid())
