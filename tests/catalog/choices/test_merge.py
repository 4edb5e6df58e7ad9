"""Tests of what choices and imports change, of label text, target lists, patterns and label scores."""

import random
import re

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


def recorded(old: LabelChoice | None, value: str, suspect: bool) -> list[tuple[str, str, float]]:
    current = {} if old is None else {old.sha256: old}
    targets = [LabelTarget(b"/r/a", sha("a"), 7), LabelTarget(b"/r/copy", sha("a"), 7)]
    choices = choices_to_record(current, {sha("a")} if suspect else set(), targets, value, 100.0)
    return [(made.value, made.source, made.at) for made in choices]


def test_repeating_a_label_writes_nothing_unless_it_confirms_it() -> None:
    keep = choice("a", "keep")
    assert recorded(None, "keep", False) == [("keep", "owner", 100.0)]
    assert recorded(keep, "keep", False) == []
    assert recorded(keep, "delete", False) == [("delete", "owner", 100.0)]
    assert recorded(keep, "keep", True) == [("keep", "confirmed", 1.001)]
    assert recorded(keep, "delete", True) == [("delete", "confirmed", 100.0)]
    assert recorded(choice("a", "keep", "xmp"), "keep", False) == [("keep", "owner", 1.001)]
    assert recorded(choice("a", "keep", "confirmed"), "keep", False) == []
    assert recorded(keep, "clear", True) == [("clear", "owner", 100.0)]
    assert recorded(None, "clear", False) == [("clear", "owner", 100.0)]


@pytest.mark.parametrize("source", ["owner", "confirmed"])
def test_an_import_overrides_owner_labels_only_with_overwrite(source: str) -> None:
    current = {sha("a"): choice("a", "keep", source), sha("b"): choice("b", "keep", "xmp")}
    imported = [choice(name, "delete", "folders", 2.0) for name in "abc"]
    plan = plan_label_import(current, imported, overwrite=False)
    assert [new.sha256 for new in plan.to_write] == [sha("b"), sha("c")]
    assert [new.sha256 for _, new in plan.conflicts] == [sha("a")]
    assert len(plan_label_import(current, imported, overwrite=True).to_write) == 3
    after = current | {new.sha256: new for new in plan.to_write}
    again = plan_label_import(after, imported, overwrite=False)
    assert (again.to_write, again.unchanged, len(again.conflicts)) == ([], 2, 1)


def test_contradictory_imports_are_not_labelled() -> None:
    plan = plan_label_import(
        {}, [choice("a", "keep"), choice("b", "keep"), choice("a", "delete"), choice("a", "keep")], False
    )
    assert [new.sha256 for new in plan.to_write] == [sha("b")]
    assert plan.record()["contradictory"] == [{"sha256": sha("a").hex(), "keep": "/r/a", "delete": "/r/a"}]


def test_label_text_round_trips_for_any_path() -> None:
    names = [
        b"/a\tb\nc",
        b"/\xff\xfe.jpg",
        "/ä ü€\u2028.jpg".encode(),
        b"/back\\slash\\x41",
        b"",
        b"/\x1b[31m",
        b"/ x \r",
    ]
    choices = [LabelChoice(bytes([n]) * 32, n, "keep", "xmp", 1764000000.123, name) for n, name in enumerate(names)]
    text = format_labels(reversed(choices))
    assert parse_labels(text) == choices
    assert len(text.split("\n")) == len(names) + 2
    assert format_labels(parse_labels(text)) == text


@pytest.mark.parametrize("line", ["keep\tzz", "maybe" + "\t1" * 5, "keep\tab\t1\t2020-01-01T00:00:00Z\towner\t/x"])
def test_an_invalid_line_is_reported_by_number(line: str) -> None:
    with pytest.raises(UsageError, match="line 3"):
        parse_labels(format_labels([choice("a", "keep")]) + line + "\n")


def test_lists_contain_paths_or_json_lines() -> None:
    data = b'{"path": "/r/\\udcff.jpg", "sha256": null}\n/r/b c.jpg\r\n\n{"path": "/r/d", "sha256": "00ff"}\n/r/{x}\n'
    assert parse_named_files(data, nul=False) == [
        *(NamedFile(b"/r/\xff.jpg"), NamedFile(b"/r/b c.jpg"), NamedFile(b"/r/d", b"\x00\xff"), NamedFile(b"/r/{x}"))
    ]
    assert parse_named_files(b"/r/a\nb\0/r/c\0", nul=True) == [NamedFile(b"/r/a\nb"), NamedFile(b"/r/c")]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
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
def test_patterns_match_as_in_the_shell(pattern: bytes, matching: list[bytes], other: list[bytes]) -> None:
    matcher = re.compile(glob_regex(pattern))
    assert [path for path in matching if not matcher.fullmatch(path)] == []
    assert [path for path in other if matcher.fullmatch(path)] == []


def test_wrong_labels_get_the_worst_scores() -> None:
    """With the probabilities of a good head, and one label in twenty flipped."""
    chance = random.Random(3)
    deleted = [chance.random() < 0.3 for _ in range(2000)]
    p_delete = [min(1.0, max(0.0, chance.gauss(0.85 if is_deleted else 0.1, 0.12))) for is_deleted in deleted]
    wrong = set(chance.sample(range(2000), 100))
    labels = [is_deleted != (position in wrong) for position, is_deleted in enumerate(deleted)]
    scores = score_labels(labels, p_delete)
    assert len(scores) == 2000
    first = {score.position for score in scores[:200]}
    assert len(first & wrong) >= 95
    assert sum(score.off_diagonal for score in scores) < 150
    assert score_labels([True, True], [0.1, 0.9]) == score_labels([], []) == []
