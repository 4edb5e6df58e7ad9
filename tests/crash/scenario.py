"""The life of a collection, with a death at a chosen point in each of its days: files are made, edited, moved, damaged,
copied and deleted while the service runs, is killed, and starts again. What has to be known at the end is kept beside.
"""

import hashlib
import os
import random
import shutil
import time
from pathlib import Path

from tests.support.running_service import RunningService, picture
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

# Where to die, and how often a day passes there at most: in the service itself, or in a worker of it.
POINTS = {
    "scan.batch": 3,
    "scan.lost": 3,
    "scan.losses": 1,
    "record": 12,
    "write.commit": 12,
    "write.committed": 12,
    "intake.collect": 12,
    "intake.read": 6,
    "intake.decoded": 6,
    "embed.batch": 4,
    "index.step": 6,
    "index.save": 1,
    "index.saved": 1,
    "scout.hints": 5,
    "sentry.step": 1,
    "answer": 6,
}
DAY = 8.0  # seconds until a day ends that does not come to its point: then the kill comes from outside


class Life:
    """One collection; `rng` decides all that happens."""

    def __init__(self, service: RunningService, rng: random.Random) -> None:
        self.service, self.rng = service, rng
        self.files: dict[str, bytes] = {}  # what stands on disk, by its path below the root
        self.seed = 0
        self.deaths: dict[str, int] = {}
        self.vectors: dict[bytes, int] = {}
        for _ in range(12):
            self.create()

    def place(self, name: str) -> Path:
        return self.service.path(name)

    def put(self, name: str, data: bytes) -> None:
        place = self.place(name)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
        self.files[name] = data

    def any(self) -> str:
        return self.rng.choice(sorted(self.files))

    def fresh(self) -> str:
        self.seed += 1
        return f"d{self.rng.randrange(4)}/{self.seed}.png"

    # -- what happens

    def create(self) -> None:
        name = self.fresh()
        self.put(name, picture(self.seed))

    def edit(self) -> None:
        self.seed += 1
        self.put(self.any(), picture(self.seed))

    def copy(self) -> None:
        self.put(self.fresh(), self.files[self.any()])

    def damage(self) -> None:
        name = self.any()
        self.put(name, self.files[name][: len(self.files[name]) // 2])

    def move(self) -> None:
        source, target = self.any(), self.fresh()
        self.place(target).parent.mkdir(exist_ok=True)
        self.place(source).rename(self.place(target))
        self.files[target] = self.files.pop(source)

    def move_folder(self) -> None:
        source = self.any().split("/")[0]
        self.seed += 1
        target = f"m{self.seed}"
        self.place(source).rename(self.place(target))
        for name in [name for name in self.files if name.startswith(source + "/")]:
            self.files[target + name[len(source) :]] = self.files.pop(name)

    def delete(self) -> None:
        name = self.any()
        self.place(name).unlink()
        del self.files[name]

    def delete_folder(self) -> None:
        folder = self.any().split("/")[0]
        if len({name.split("/")[0] for name in self.files}) > 1:
            shutil.rmtree(self.place(folder))
            self.files = {name: data for name, data in self.files.items() if not name.startswith(folder + "/")}

    def something(self) -> None:
        """One deed; the collection neither dies out nor grows without end."""
        small = [self.create, self.edit, self.copy, self.damage, self.move]
        deeds = small if len(self.files) < 12 else [*small, self.move_folder, self.delete, self.delete, self.delete]
        self.rng.choice([*deeds, self.delete_folder] if len(self.files) > 24 else deeds)()

    # -- days

    def day(self, point: str, count: int) -> None:
        """The service starts, things happen, it dies at the point; should it never come there, it is killed."""
        before, during = self.rng.randrange(4), self.rng.randrange(1, 5)
        for _ in range(before):
            self.something()
        self.service.start(ready=False, CATALOGD_KILL_AT=f"{point}:{count}")
        deadline = time.monotonic() + DAY
        while self.service.alive and time.monotonic() < deadline:
            if during:
                self.something()
                during -= 1
            elif self.rng.random() < 0.3 and self.service.live() is not None:
                self.service.signal(1)  # SIGHUP: another scan, another look at the volumes
            time.sleep(self.rng.uniform(0.0, 0.3))
        word = point if not self.service.alive else "from outside"
        self.deaths[word] = self.deaths.get(word, 0) + 1
        self.service.kill()

    def quiet(self) -> None:
        """The next start brings all in order."""
        self.service.start()
        service = self.service
        assert wait_until(lambda: not service.busy() and not service.findings(), 2 * TIMEOUT_SECONDS), (
            service.busy(),
            service.findings(),
            service.tail(),
        )
        self.judge()
        assert service.stop() == 0
        assert service.findings() == []

    def given_up(self) -> list[bytes]:
        """Files that were in hand at three deaths in a row: taken for the cause of them, and tried again in a day."""
        rows = self.service.rows(
            "SELECT d.path, f.name FROM file f JOIN directory d ON d.id = f.directory"
            " WHERE f.reason = 'crashes the decoder' AND f.due > unixepoch()"
        )
        return [os.path.join(*row) for row in rows]

    def judge(self) -> None:
        """Nothing is lost, nothing is there twice."""
        root = len(self.service.root) + 1
        states = {
            os.fsdecode(path[root:]): state for path, state in self.service.states().items() if state[0] != "gone"
        }
        assert states.keys() == self.files.keys()
        struck = {os.fsdecode(path[root:]) for path in self.given_up()}
        for name, data in self.files.items():
            state, sha256, reason = states[name]
            assert state in ("ok", "rejected"), (name, reason)
            assert name in struck or sha256 == hashlib.sha256(data).digest(), (name, state, reason)
        vectors = self.service.vectors()
        assert {sha256 for state, sha256, _ in states.values() if state == "ok"} <= vectors.keys()
        assert {sha256: vectors.get(sha256) for sha256 in self.vectors} == self.vectors  # none was made a second time
        self.vectors = vectors
        assert self.service.rows("SELECT content, model FROM vector GROUP BY 1, 2 HAVING count(*) > 1") == []
        doubled = self.service.rows(
            "SELECT file, content FROM (SELECT file, content, verdict,"
            " lag(content) OVER (PARTITION BY file ORDER BY id) AS last FROM history) WHERE content = last"
        )
        assert doubled == []
