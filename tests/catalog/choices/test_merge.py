"""What hand-made choices and imports change: as values, without a disk."""

import random

import pytest

from catalog.choices.label_text import format_labels, parse_labels
from catalog.choices.labels import LabelChoice
from catalog.choices.merge import choices_to_record, plan_label_import
from catalog.choices.suspect_labels import score_labels
from catalog.choices.targets import LabelTarget, NamedFile, glob_regex, parse_named_files
from catalog.errors import UsageError


def sha(name: str) -> bytes:
    return name.encode().ljust(32, b".")


def choice(name: str, value: str, source: str = "owner", at: float = 1.0) -> LabelChoice:
    return LabelChoice(sha(name), 7, value, source, at, b"/r/" + name.encode())


def decided(old: LabelChoice | None, value: str, doubted: bool) -> list[tuple[str, str, float]]:
    held = {} if old is None else {old.sha256: old}
    again = [LabelTarget(b"/r/a", sha("a"), 7), LabelTarget(b"/r/copy", sha("a"), 7)]
    found = choices_to_record(held, {sha("a")} if doubted else set(), again, value, 100.0)
    return [(one.value, one.source, one.at) for one in found]


def test_repetition_changes_nothing_and_a_second_look_is_remembered() -> None:
    keep = choice("a", "keep")
    assert decided(None, "keep", False) == [("keep", "owner", 100.0)]
    assert decided(keep, "keep", False) == []
    assert decided(keep, "delete", False) == [("delete", "owner", 100.0)]
    assert decided(keep, "keep", True) == [("keep", "confirmed", 1.001)]
    assert decided(keep, "delete", True) == [("delete", "confirmed", 100.0)]
    assert decided(choice("a", "keep", "xmp"), "keep", False) == [("keep", "owner", 1.001)]
    assert decided(choice("a", "keep", "confirmed"), "keep", False) == []
    assert decided(keep, "clear", True) == [("clear", "owner", 100.0)]
    assert decided(None, "clear", False) == [("clear", "owner", 100.0)]


@pytest.mark.parametrize("source", ["owner", "confirmed"])
def test_the_owners_own_word_stands_against_an_import(source: str) -> None:
    held = {sha("a"): choice("a", "keep", source), sha("b"): choice("b", "keep", "xmp")}
    offered = [choice(name, "delete", "folders", 2.0) for name in "abc"]
    made = plan_label_import(held, offered, overwrite=False)
    assert [one.sha256 for one in made.to_write] == [sha("b"), sha("c")]
    assert [new.sha256 for _, new in made.conflicts] == [sha("a")]
    assert len(plan_label_import(held, offered, overwrite=True).to_write) == 3
    after = held | {one.sha256: one for one in made.to_write}
    again = plan_label_import(after, offered, overwrite=False)
    assert (again.to_write, again.unchanged, len(again.conflicts)) == ([], 2, 1)


def test_what_is_offered_both_ways_is_labelled_neither_way() -> None:
    made = plan_label_import(
        {}, [choice("a", "keep"), choice("b", "keep"), choice("a", "delete"), choice("a", "keep")], False
    )
    assert [one.sha256 for one in made.to_write] == [sha("b")]
    assert made.record()["contradictory"] == [{"sha256": sha("a").hex(), "keep": "/r/a", "delete": "/r/a"}]


def test_text_and_back_are_equal_whatever_the_names() -> None:
    names = [
        b"/a\tb\nc",
        b"/\xff\xfe.jpg",
        "/ä ü€\u2028.jpg".encode(),
        b"/back\\slash\\x41",
        b"",
        b"/\x1b[31m",
        b"/ x \r",
    ]
    found = [LabelChoice(bytes([n]) * 32, n, "keep", "xmp", 1764000000.123, name) for n, name in enumerate(names)]
    written = format_labels(reversed(found))
    assert parse_labels(written) == found
    assert len(written.split("\n")) == len(names) + 2
    assert format_labels(parse_labels(written)) == written


@pytest.mark.parametrize("harm", ["keep\tzz", "maybe" + "\t1" * 5, "keep\tab\t1\t2020-01-01T00:00:00Z\towner\t/x"])
def test_a_line_that_is_no_label_is_named(harm: str) -> None:
    with pytest.raises(UsageError, match="line 3"):
        parse_labels(format_labels([choice("a", "keep")]) + harm + "\n")


def test_lists_are_paths_or_json_lines() -> None:
    lines = b'{"path": "/r/\\udcff.jpg", "sha256": null}\n/r/b c.jpg\r\n\n{"path": "/r/d", "sha256": "00ff"}\n/r/{x}\n'
    assert parse_named_files(lines, nul=False) == [
        *(NamedFile(b"/r/\xff.jpg"), NamedFile(b"/r/b c.jpg"), NamedFile(b"/r/d", b"\x00\xff"), NamedFile(b"/r/{x}"))
    ]
    assert parse_named_files(b"/r/a\nb\0/r/c\0", nul=True) == [NamedFile(b"/r/a\nb"), NamedFile(b"/r/c")]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (b"/r/*.jpg", [b"/r/a.jpg", b"/r/\xff\n.jpg"], [b"/r/s/a.jpg", b"/r/a.png", b"/r/axjpg"]),
        (b"/r/**/*.jpg", [b"/r/a.jpg", b"/r/s/t/a.jpg"], [b"/a.jpg", b"/ra.jpg"]),
        (b"/r/**", [b"/r/a", b"/r/s/a"], [b"/q/a"]),
        (b"/r/IMG_00[1-3]?.jpg", [b"/r/IMG_002x.jpg"], [b"/r/IMG_004x.jpg", b"/r/IMG_002.jpg"]),
        (b"/r/[!a]", [b"/r/b", b"/r/^"], [b"/r/a", b"/r//"]),
        (b"/r/[]a]", [b"/r/]", b"/r/a"], [b"/r/b"]),
        (b"/r/a[", [b"/r/a["], [b"/r/a"]),
    ],
)
def test_patterns_are_the_shells(pattern: bytes, yes: list[bytes], no: list[bytes]) -> None:
    import re

    matcher = re.compile(glob_regex(pattern))
    assert [path for path in yes if not matcher.fullmatch(path)] == []
    assert [path for path in no if matcher.fullmatch(path)] == []


def test_planted_wrong_labels_lead_the_doubts() -> None:
    """Chances as a good head gives them, one label in twenty turned round."""
    dice = random.Random(3)
    truth = [dice.random() < 0.3 for _ in range(2000)]
    chances = [min(1.0, max(0.0, dice.gauss(0.85 if gone else 0.1, 0.12))) for gone in truth]
    wrong = set(dice.sample(range(2000), 100))
    judged = score_labels([gone != (place in wrong) for place, gone in enumerate(truth)], chances)
    assert len(judged) == 2000
    first = {one.position for one in judged[:200]}
    assert len(first & wrong) >= 95
    assert sum(one.off_diagonal for one in judged) < 150
    assert score_labels([True, True], [0.1, 0.9]) == score_labels([], []) == []
