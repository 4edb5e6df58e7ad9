"""What a choice made by hand changes: a second look is remembered, a mere repetition is not. Pure."""

from collections.abc import Container, Iterable, Mapping

from catalog.choices.labels import Choice
from catalog.choices.merge import OWN, OWNER
from catalog.choices.suspect_labels import CONFIRMED
from catalog.choices.targets import Target

LATER = 0.001  # seconds: enough for the journal to tell a confirmation from the choice itself


def decide(
    held: Mapping[bytes, Choice], doubted: Container[bytes], targets: Iterable[Target], value: str, now: float
) -> list[Choice]:
    """The choices to write. `doubted`: contents whose labels look wrong; whatever is said of them is confirmed by it.

    A choice that is confirmed stays as old as it is: a head that has learned from it must not be asked it as new.
    """
    made: dict[bytes, Choice] = {}
    for path, sha256, size in targets:
        old = held.get(sha256)
        source = CONFIRMED if sha256 in doubted else OWNER
        if value == "clear" or old is None or old.value != value:
            made[sha256] = Choice(sha256, size, value, OWNER if value == "clear" else source, round(now, 3), path)
        elif sha256 in doubted or old.source not in OWN:
            made[sha256] = old._replace(source=source, at=round(old.at + LATER, 3), path=path)
    return list(made.values())
