"""The machine: a real tree, a real catalog, a real service, driven by Hypothesis in any order."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.stateful.collection import Blob, Collection, Item, Link, within
from tests.support.running_service import RunningService, State, drop_powers, picture
from tests.support.waiting import TIMEOUT_SECONDS

NAMES = [b"a.png", b"b.png", b"c.jpg", b"\xff\xfe.png", b"new\nline.png", b"\x1b[31m.png", b"x" * 200 + b".png"]
DIRECTORIES = [b"", b"d", b"d/e", b"f\xff", b"g"]
DISK = b"m"  # where another disk is mounted
FLOOD = 10_000  # renames, two events each: more than the kernel's queue of 16,384

names = st.sampled_from(NAMES)
directories = st.sampled_from(DIRECTORIES)
seeds = st.integers(0, 9)
picks = st.integers(0, 1 << 16)


class Machine(RuleBasedStateMachine):
    """Steps change the disk and the model alike; `quiet` compares them with the catalog."""

    files: Collection

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="catalogd-machine-"))
        self.service = RunningService(self.folder)
        self.files = Collection()
        self.outside: dict[bytes, Item] = {}
        self.absent = False
        self.blind = False  # something happened that no event tells
        self.vectors: dict[bytes, int] = {}
        self.broken = False
        for seed, name in enumerate(NAMES[:3]):
            self.write(b"d", name, seed)
        if os.geteuid() == 0:
            os.mkdir(self._real(DISK))
            (self.folder / "disk").mkdir()
            self._plug()
            self._write(DISK + b"/a.png", picture(7), True)
        self._start()

    # -- the disk

    def _real(self, path: bytes) -> bytes:
        return os.path.join(self.service.root, path)

    def _write(self, path: bytes, data: bytes, healthy: bool | None) -> None:
        """Write in place: the inode and all links to it change."""
        old = self.files.items.get(path)
        if isinstance(old, Link):
            os.unlink(self._real(path))
        with open(self._real(path), "wb") as file:
            file.write(data)
        if isinstance(old, Blob):
            self.blind |= self.files.linked(path)
            old.data, old.healthy = data, healthy
        else:
            self.files.put(path, Blob(data, healthy))

    def _place(self, directory: bytes, name: bytes) -> bytes | None:
        """A path that a file may take, its directory made; None where something else stands in the way."""
        path = os.path.join(directory, name)
        above = {b"/".join(path.split(b"/")[:end]) for end in range(1, path.count(b"/") + 1)}
        if os.path.isdir(self._real(path)) or above & self.files.items.keys():
            return None
        os.makedirs(os.path.dirname(self._real(path)), exist_ok=True)
        return path

    def _pick(self, number: int, kind: type = Blob) -> bytes | None:
        found = sorted(
            path for path, item in self.files.items.items() if isinstance(item, kind) and not within(path, DISK)
        )
        return found[number % len(found)] if found else None

    def _tree(self, number: int) -> bytes | None:
        found = sorted({os.path.dirname(path) for path in self.files.items} - {b"", DISK})
        return found[number % len(found)] if found else None

    # -- what people do to files

    @precondition(lambda self: not self.absent)
    @rule(directory=directories, name=names, seed=seeds)
    def write(self, directory: bytes, name: bytes, seed: int) -> None:
        path = self._place(directory, name)
        if path is not None:
            self._write(path, picture(seed), True)

    @precondition(lambda self: not self.absent)
    @rule(directory=directories, name=names, seed=seeds)
    def replace(self, directory: bytes, name: bytes, seed: int) -> None:
        path = self._place(directory, name)
        if path is None:
            return
        draft = self._real(os.path.join(directory, b"." + name[:50] + b".part"))
        with open(draft, "wb") as file:
            file.write(picture(seed))
        self.blind |= path in self.files.items and self.files.linked(path)
        os.rename(draft, self._real(path))
        self.files.put(path, Blob(picture(seed), True))

    @precondition(lambda self: not self.absent)
    @rule(number=picks, how=st.sampled_from(["append", "cut", "cut by path", "flip", "empty"]))
    def spoil(self, number: int, how: str) -> None:
        path = self._pick(number)
        if path is None:
            return
        blob = self.files.items[path]
        assert isinstance(blob, Blob)
        half = len(blob.data) // 2
        if how == "append":
            data, healthy = blob.data + b"tail", None
        elif how == "flip":
            data, healthy = blob.data[:half] + bytes(255 - b for b in blob.data[half:]), False
        else:
            data, healthy = (b"" if how == "empty" else blob.data[:half]), False
        if how == "cut by path":
            os.truncate(self._real(path), half)
            blob.data, blob.healthy, self.blind = data, healthy, True
        else:
            self._write(path, data, healthy if blob.data else None if data else False)

    @precondition(lambda self: not self.absent)
    @rule(number=picks, directory=directories, name=names)
    def move(self, number: int, directory: bytes, name: bytes) -> None:
        source, target = self._pick(number, object), self._place(directory, name)
        if source is None or target is None or source == target:
            return
        if self.files.items.get(target) is self.files.items[source]:
            return  # two names of one inode: rename does nothing
        self.blind |= target in self.files.items and self.files.linked(target)
        self.blind |= self.files.linked(source)  # a new ctime for every name of the inode
        os.rename(self._real(source), self._real(target))
        self.files.move(source, target)

    @precondition(lambda self: not self.absent)
    @rule(number=picks, goal=st.sampled_from([b"h", b"g", b"d/i", b"f\xff"]))
    def move_directory(self, number: int, goal: bytes) -> None:
        source = self._tree(number)
        if (
            source is None
            or within(goal, source)
            or os.path.lexists(self._real(goal))
            or not self._place(*os.path.split(goal))
        ):
            return
        os.rename(self._real(source), self._real(goal))
        self.files.move_tree(source, goal)

    @precondition(lambda self: not self.absent)
    @rule(number=picks)
    def move_out(self, number: int) -> None:
        source = self._tree(number)
        if source is None or self.outside or any(within(path, source) for path in self.files.closed):
            return
        os.rename(self._real(source), os.fsencode(self.folder / "outside"))
        self.blind |= any(self.files.linked(path) for path in self.files.below(source))
        self.outside = {path[len(source) :]: self.files.remove(path) for path in self.files.below(source)}

    @precondition(lambda self: not self.absent and self.outside)
    @rule(goal=st.sampled_from([b"h", b"j", b"d/i"]))
    def move_in(self, goal: bytes) -> None:
        if os.path.lexists(self._real(goal)) or not self._place(*os.path.split(goal)):
            return
        os.rename(os.fsencode(self.folder / "outside"), self._real(goal))
        for path, item in self.outside.items():
            self.files.put(goal + path, item)
        self.outside = {}

    @precondition(lambda self: not self.absent)
    @rule(number=picks, directory=directories, name=names)
    def hard_link(self, number: int, directory: bytes, name: bytes) -> None:
        source, target = self._pick(number), self._place(directory, name)
        if source is None or target is None or target in self.files.items:
            return
        os.link(self._real(source), self._real(target))
        self.files.put(target, self.files.items[source])
        self.blind = True

    @precondition(lambda self: not self.absent)
    @rule(directory=directories, name=names, goal=st.sampled_from([b"d", b"a.png", b"nowhere"]))
    def symbolic_link(self, directory: bytes, name: bytes, goal: bytes) -> None:
        target = self._place(directory, name)
        if target is None or target in self.files.items:
            return
        os.symlink(goal, self._real(target))
        self.files.put(target, Link())

    @precondition(lambda self: not self.absent)
    @rule(number=picks)
    def delete(self, number: int) -> None:
        path = self._pick(number, object)
        if path is not None:
            self.blind |= self.files.linked(path)
            os.unlink(self._real(path))
            self.files.remove(path)

    @precondition(lambda self: not self.absent)
    @rule(number=picks, file=st.booleans())
    def delete_directory(self, number: int, file: bool) -> None:
        """All of a directory goes; with `file`, a file takes its name at once."""
        top = self._tree(number)
        if top is None:
            return
        self.blind |= any(self.files.linked(path) for path in self.files.below(top))
        shutil.rmtree(self._real(top))
        for path in self.files.below(top):
            self.files.remove(path)
        self.files.closed = {path for path in self.files.closed if not within(path, top)}
        if file:
            self._write(top, picture(3), True)

    @precondition(lambda self: not self.absent and os.geteuid() == 0)
    @rule(number=picks, mode=st.sampled_from([0o000, 0o640, 0o644]))
    def permit(self, number: int, mode: int) -> None:
        path = self._pick(number)
        if path is not None:
            os.chmod(self._real(path), mode)
            blob = self.files.items[path]
            assert isinstance(blob, Blob)
            blob.readable, self.blind = mode != 0, True

    @precondition(lambda self: not self.absent and os.geteuid() == 0)
    @rule(number=picks)
    def close_directory(self, number: int) -> None:
        top = self._tree(number)
        if top is not None and top not in self.files.closed:
            os.chmod(self._real(top), 0)
            self.files.closed.add(top)
            self.blind = True

    @precondition(lambda self: not self.absent and self.files.closed)
    @rule()
    def open_directories(self) -> None:
        for top in self.files.closed:
            os.chmod(self._real(top), 0o755)
        self.files.closed.clear()
        self.blind = True

    # -- what happens to disks and machines

    @precondition(lambda self: not self.absent)
    @rule(leave_empty=st.booleans())
    def root_goes_away(self, leave_empty: bool) -> None:
        os.rename(self.service.root, self.service.root + b".away")
        if leave_empty:
            os.mkdir(self.service.root)
        self.absent = True
        self.quiet()

    @precondition(lambda self: self.absent)
    @rule()
    def root_comes_back(self) -> None:
        if os.path.isdir(self.service.root):
            os.rmdir(self.service.root)
        os.rename(self.service.root + b".away", self.service.root)
        self.absent = False

    @precondition(lambda self: not self.absent and os.geteuid() == 0)
    @rule()
    def plug_or_unplug(self) -> None:
        """A disk of its own inside the root is mounted, or taken away."""
        if DISK in self.files.away:
            self._plug()
        else:
            subprocess.run(["umount", "-l", self._real(DISK)], check=True)
            self.files.away.add(DISK)
        self.blind = True

    @precondition(lambda self: not self.absent and DISK not in self.files.away)
    @rule(name=names, seed=seeds)
    def write_on_the_disk(self, name: bytes, seed: int) -> None:
        self._write(os.path.join(DISK, name), picture(seed), True)

    @precondition(lambda self: not self.absent and self.service.alive)
    @rule(directory=directories, name=names, seed=seeds)
    def overflow(self, directory: bytes, name: bytes, seed: int) -> None:
        """More events than the queue holds, then changes whose events are lost."""
        self.service.signal(signal.SIGSTOP)
        one, other = self._real(b"._flood"), self._real(b"._flood2")
        open(one, "wb").close()
        for _ in range(FLOOD // 2):
            os.rename(one, other)
            os.rename(other, one)
        self.replace(directory, name, seed)
        self.write(b"d/new", name, seed)
        os.unlink(one)
        self.service.signal(signal.SIGCONT)

    @precondition(lambda self: self.service.alive)
    @rule(restart=st.booleans())
    def kill(self, restart: bool) -> None:
        self.service.kill()
        if restart:
            self._start()

    @precondition(lambda self: self.service.alive)
    @rule(restart=st.booleans())
    def stop(self, restart: bool) -> None:
        assert self.service.stop() == 0, self.service.tail()
        if restart:
            self._start()

    @precondition(lambda self: not self.service.alive)
    @rule()
    def start(self) -> None:
        self._start()

    @precondition(lambda self: self.service.alive)
    @rule()
    def reload(self) -> None:
        self.service.signal(signal.SIGHUP)

    @precondition(lambda self: not self.service.alive)
    @rule()
    def one_pass(self) -> None:
        """`catalogd --once` leaves nothing open, and says by its exit code that something is out of reach."""
        done = self.service.once(preexec=self._powers())
        out_of_reach = self.absent or self.files.closed or self.files.away
        assert done.returncode == (4 if out_of_reach else 0), done.stderr
        wrong = self.files.wrong(self._states(), self.absent) + [str(finding) for finding in self.service.findings()]
        self.broken = bool(wrong)
        assert not wrong, "\n".join([*wrong, self.service.tail()])
        self.blind = False

    @rule()
    def settle(self) -> None:
        self.quiet()

    def _start(self) -> None:
        self.service.start(preexec=self._powers())

    def _powers(self) -> Callable[[], None] | None:
        return drop_powers if os.geteuid() == 0 else None

    def _plug(self) -> None:
        subprocess.run(["mount", "--bind", self.folder / "disk", self._real(DISK)], check=True)
        self.files.away.discard(DISK)

    def _states(self) -> dict[bytes, State]:
        top = len(self.service.root) + 1
        return {path[top:]: state for path, state in self.service.states().items()}

    # -- what must hold

    def quiet(self) -> None:
        """Wait until the service has nothing to do; then nothing may be wrong."""
        if not self.service.alive:
            self._start()
        if self.blind:
            time.sleep(0.2)  # a reload may overtake the events of what was done before
            self.service.signal(signal.SIGHUP)
            self.blind = False
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while wrong := self.wrong():
            assert self.service.alive, f"the service ended\n{self.service.tail()}"
            if time.monotonic() > deadline:
                self.broken = True
                listed = "\n".join(wrong)
                raise AssertionError(f"not in order after {TIMEOUT_SECONDS:g} s:\n{listed}\n{self.service.tail()}")
            time.sleep(0.1)
        if not self.absent:
            self.files.meet()
        self._keep_vectors()

    def wrong(self) -> list[str]:
        """All that is not as it should be; empty once quiet."""
        busy = self.service.busy()
        if busy:
            return [busy]
        found = self.files.wrong(self._states(), self.absent) + [str(finding) for finding in self.service.findings()]
        live = self.service.live()
        vectors = self.service.rows("SELECT count(*) FROM vector WHERE live = 1")[0][0]
        if live is not None and live["index"]["size"] != vectors:
            found.append(f"the index has {live['index']['size']} vectors, {vectors} live")
        return found

    def _keep_vectors(self) -> None:
        """No content is ever embedded a second time."""
        now = self.service.vectors()
        lost = {sha256: (id_, now.get(sha256)) for sha256, id_ in self.vectors.items() if now.get(sha256) != id_}
        assert not lost, f"vectors were made anew: {lost}"
        self.vectors = now

    def teardown(self) -> None:
        if not hasattr(self, "service"):
            return
        try:
            if not self.broken:
                self.quiet()
                self._end()
        finally:
            self.service.close()
            for root in (self.service.root, self.service.root + b".away"):
                subprocess.run(["umount", "-l", os.path.join(root, DISK)], stderr=subprocess.DEVNULL)
            for folder, directories, _ in os.walk(os.fsencode(self.folder)):
                for name in directories:
                    os.chmod(os.path.join(folder, name), 0o755)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        """After an orderly stop the saved index is compared too, and a full pass has nothing to read."""
        assert self.service.stop() == 0, self.service.tail()
        found = self.service.findings()
        assert not found, "\n".join(map(str, found))
