"""The truth table of verdicts: each rule, and which one goes before which."""

import pytest

from catalog.verdict.block_checksums import Standing
from catalog.verdict.case import Case, Clues, Side, Word
from catalog.verdict.rules import judge
from models.decode.reason import Reason

OLD, NEW, OTHER_DECODER = b"aaaa" + b"1" * 12, b"aaaa" + b"2" * 12, b"bbbb" + b"2" * 12
JPEG = Side("jpeg", 640, 480, picture=OLD)
CHANGED = JPEG._replace(picture=NEW)
UNREAD = Side()
SECTOR = Standing(True, 40_000, 50_000, 0.95, 40_000, 45_000)
GONE = Standing(False, 0, 0, 0.0, 0, 90_000)
CODED = (1000, 95_000)


def told(**clues: object) -> Clues:
    return Clues(past=1, **clues)  # type: ignore[arg-type]


def word(case: Case) -> Word:
    return judge(case).word


def edit(**changes: object) -> Case:
    """A change after which no old byte stands; all else by name."""
    return Case(JPEG, CHANGED, told(standing=GONE, cosine=0.9))._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "case",
    [
        edit(),
        edit(after=JPEG),
        edit(reason=Reason.TRUNCATED, after=UNREAD),
        edit(held=True),
        edit(before=UNREAD),
    ],
)
def test_what_changes_behind_unchanged_dates_is_rot_whatever_it_is(case: Case) -> None:
    assert word(case._replace(betrayed=True)) is Word.ROT
    assert word(case) is not Word.ROT


@pytest.mark.parametrize(
    ("reason", "before", "standing", "expected"),
    [
        *((reason, JPEG, None, Word.ROT_PERHAPS) for reason in (Reason.TRUNCATED, Reason.DAMAGED, Reason.CHECKSUM)),
        *((reason, JPEG, GONE, Word.ROT_PERHAPS) for reason in (Reason.EMPTY, Reason.NOT_IMAGE, Reason.WRONG_TYPE)),
        (Reason.UNSUPPORTED, JPEG, GONE, Word.REPLACED),
        (Reason.UNSUPPORTED, JPEG, SECTOR, Word.ROT_PERHAPS),  # a header was hit
        (Reason.PIXELS, JPEG, SECTOR, Word.ROT_PERHAPS),
        (Reason.LARGE, JPEG, None, Word.CHANGED),
        (Reason.MODEL, JPEG, GONE, Word.CHANGED),
        (Reason.DAMAGED, UNREAD, SECTOR, Word.CHANGED),
    ],
)
def test_new_bytes_that_cannot_be_read(reason: Reason, before: Side, standing: Standing | None, expected: Word) -> None:
    case = Case(before, UNREAD, told(standing=standing), reason=reason, detail="the decoder's words")
    assert word(case) is expected
    assert "the decoder's words" in judge(case).evidence


GREW = Standing(False, 50_000, 0, 1.0, 50_000, 90_000)


@pytest.mark.parametrize(
    ("standing", "elsewhere", "expected"),
    [
        (GREW, False, Word.COMPLETED),
        (GREW, True, Word.COMPLETED),
        (SECTOR, False, Word.COMPLETED),  # parts came out of order
        (SECTOR, True, Word.RESTORED),
        (GONE, True, Word.RESTORED),
        (GONE, False, Word.REPLACED),
        (None, False, Word.REPLACED),
    ],
)
def test_what_could_not_be_read_before(standing: Standing | None, elsewhere: bool, expected: Word) -> None:
    assert word(Case(UNREAD, JPEG, told(standing=standing), elsewhere=elsewhere)) is expected


def test_bytes_that_stood_here_before_are_restored() -> None:
    assert word(edit(held=True)) is Word.RESTORED
    assert word(edit(held=True, reason=Reason.DAMAGED)) is Word.ROT_PERHAPS


def test_the_same_pixels() -> None:
    assert word(Case(JPEG, JPEG)) is Word.METADATA
    assert word(edit(after=JPEG)) is Word.METADATA
    inside, across = told(standing=SECTOR, coded=CODED), told(standing=SECTOR, coded=(42_000, 95_000))
    assert word(Case(JPEG, JPEG, inside)) is Word.ROT_PERHAPS
    assert word(Case(JPEG, JPEG, across)) is Word.METADATA


def test_the_same_pixels_as_far_as_can_be_told() -> None:
    after = JPEG._replace(picture=OTHER_DECODER)
    assert word(Case(JPEG, after, told(standing=SECTOR, cosine=1.0))) is Word.METADATA
    assert word(Case(JPEG, after, told(standing=SECTOR, cosine=1.0, coded=CODED))) is Word.ROT_PERHAPS
    assert word(Case(JPEG, after, told(standing=GONE, cosine=1.0))) is Word.EDIT


def test_frames_that_nobody_compared() -> None:
    gif = Side("gif", 64, 64, picture=OLD, note="animated, 3 frames")
    assert word(Case(gif, gif, told(standing=GONE, cosine=1.0))) is Word.EDIT


@pytest.mark.parametrize("kind", ["jpeg", "bmp"])
def test_nobody_edits_a_single_bit_of_a_picture(kind: str) -> None:
    flip = SECTOR._replace(flip=8 * 41_000)
    before, after = JPEG._replace(format=kind), CHANGED._replace(format=kind)
    assert word(Case(before, after, told(standing=flip, cosine=0.3))) is Word.ROT_PERHAPS
    assert "bit 0 of byte 41000" in judge(Case(before, after, told(standing=flip))).evidence


def test_a_bit_of_metadata_may_be_an_orientation() -> None:
    flip = SECTOR._replace(flip=8 * 500)
    assert word(Case(JPEG, JPEG, told(standing=flip, coded=CODED))) is Word.METADATA


def test_newly_suspect() -> None:
    after = CHANGED._replace(suspect="grey from row 200")
    quarter = Standing(False, 30_000, 0, 0.3, 30_000, 99_000)
    assert word(Case(JPEG, after, told(standing=quarter, cosine=0.7))) is Word.ROT_PERHAPS
    assert word(Case(JPEG, after, told(standing=GONE, cosine=0.7))) is Word.EDIT
    assert word(Case(JPEG._replace(suspect="grey"), after, told(standing=quarter, cosine=0.7))) is Word.EDIT


SHIFTED = Standing(False, 30_000, 60_000, 0.98, 30_000, 31_000)


@pytest.mark.parametrize(
    ("kind", "standing", "expected"),
    [
        ("jpeg", SECTOR, Word.ROT_PERHAPS),
        ("heif", SECTOR, Word.ROT_PERHAPS),
        ("png", SECTOR, Word.EDIT),  # its checksums were written anew
        ("bmp", SECTOR, Word.EDIT),  # a brush
        ("bmp", SECTOR._replace(holes=4096), Word.ROT_PERHAPS),
        ("jpeg", SHIFTED, Word.ROT_PERHAPS),
        ("bmp", SHIFTED, Word.ROT_PERHAPS),
        ("tiff", SHIFTED, Word.EDIT),  # one strip was written anew
        ("jpeg", SHIFTED._replace(leading=0, share=0.6), Word.ROT_PERHAPS),  # a byte of the tables was lost,
        ("jpeg", SHIFTED._replace(trailing=0, share=0.6), Word.EDIT),
        ("jpeg", SHIFTED._replace(trailing=0, share=0.95), Word.EDIT),
        ("jpeg", SHIFTED._replace(share=0.4), Word.EDIT),
    ],
)
def test_overwritten(kind: str, standing: Standing, expected: Word) -> None:
    case = Case(JPEG._replace(format=kind), CHANGED._replace(format=kind), told(standing=standing, cosine=0.99))
    assert word(case) is expected


def test_a_lost_end_that_hardly_shows() -> None:
    end = SHIFTED._replace(leading=95_000, trailing=0, share=0.95)
    assert word(Case(JPEG, CHANGED, told(standing=end, cosine=0.9999))) is Word.ROT_PERHAPS


def test_rows_that_were_cut_off_are_no_rot() -> None:
    before, after = JPEG._replace(format="pnm"), CHANGED._replace(format="pnm", height=400)
    assert word(Case(before, after, told(standing=SHIFTED, cosine=0.9))) is Word.EDIT


SHOT = JPEG._replace(taken_at="2013-07-27T15:15:00", camera="Canon")


@pytest.mark.parametrize(
    ("before", "after", "clues", "expected"),
    [
        (JPEG, CHANGED, told(cosine=0.5), Word.EDIT),
        (JPEG, CHANGED, told(cosine=0.4), Word.REPLACED),
        (JPEG, CHANGED._replace(width=480, height=640), told(cosine=0.95, turned=True), Word.EDIT),
        (SHOT, SHOT._replace(picture=NEW), told(cosine=0.3), Word.EDIT),
        (SHOT, SHOT._replace(picture=NEW), told(cosine=0.0), Word.REPLACED),
        (SHOT, SHOT._replace(picture=NEW, taken_at="2013-07-27T15:15:01"), told(cosine=0.9), Word.REPLACED),
        (SHOT, SHOT._replace(picture=NEW, taken_at="2013-07-27T16:15:00"), told(cosine=0.9999), Word.EDIT),
        (JPEG, CHANGED, Clues(), Word.EDIT),
        (JPEG, CHANGED._replace(width=100), Clues(), Word.REPLACED),
    ],
)
def test_likeness(before: Side, after: Side, clues: Clues, expected: Word) -> None:
    assert word(Case(before, after, clues)) is expected


def test_every_verdict_says_what_it_was_judged_from() -> None:
    evidence = judge(edit()._replace(same_mtime=True)).evidence
    assert "cosine 0.900" in evidence
    assert "no old bytes stand" in evidence
    assert "mtime is as it was" in evidence
