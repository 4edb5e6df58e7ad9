"""The truth table of verdicts: each rule, and which one goes before which."""

import pytest

from catalog.verdict.block_checksums import BlockComparison
from catalog.verdict.case import ComparedContent, ContentChange, ContentComparison, VerdictKind
from catalog.verdict.rules import classify_change
from models.decode.reason import RejectReason

OLD, NEW, OTHER_DECODER = b"aaaa" + b"1" * 12, b"aaaa" + b"2" * 12, b"bbbb" + b"2" * 12
JPEG = ComparedContent("jpeg", 640, 480, picture=OLD)
CHANGED = JPEG._replace(picture=NEW)
UNREAD = ComparedContent()
SECTOR = BlockComparison(True, 40_000, 50_000, 0.95, 40_000, 45_000)
GONE = BlockComparison(False, 0, 0, 0.0, 0, 90_000)
CODED = (1000, 95_000)


def told(**clues: object) -> ContentComparison:
    return ContentComparison(past=1, **clues)  # type: ignore[arg-type]


def word(case: ContentChange) -> VerdictKind:
    return classify_change(case).word


def edit(**changes: object) -> ContentChange:
    """A change after which no old byte stands; all else by name."""
    return ContentChange(JPEG, CHANGED, told(standing=GONE, cosine=0.9))._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "case",
    [
        edit(),
        edit(after=JPEG),
        edit(reason=RejectReason.TRUNCATED, after=UNREAD),
        edit(held=True),
        edit(before=UNREAD),
    ],
)
def test_what_changes_behind_unchanged_dates_is_rot_whatever_it_is(case: ContentChange) -> None:
    assert word(case._replace(betrayed=True)) is VerdictKind.ROT
    assert word(case) is not VerdictKind.ROT


@pytest.mark.parametrize(
    ("reason", "before", "standing", "expected"),
    [
        *(
            (reason, JPEG, None, VerdictKind.ROT_PERHAPS)
            for reason in (RejectReason.TRUNCATED, RejectReason.DAMAGED, RejectReason.CHECKSUM)
        ),
        *(
            (reason, JPEG, GONE, VerdictKind.ROT_PERHAPS)
            for reason in (RejectReason.EMPTY, RejectReason.NOT_IMAGE, RejectReason.WRONG_TYPE)
        ),
        (RejectReason.UNSUPPORTED, JPEG, GONE, VerdictKind.REPLACED),
        (RejectReason.UNSUPPORTED, JPEG, SECTOR, VerdictKind.ROT_PERHAPS),  # a header was hit
        (RejectReason.PIXELS, JPEG, SECTOR, VerdictKind.ROT_PERHAPS),
        (RejectReason.LARGE, JPEG, None, VerdictKind.CHANGED),
        (RejectReason.MODEL, JPEG, GONE, VerdictKind.CHANGED),
        (RejectReason.DAMAGED, UNREAD, SECTOR, VerdictKind.CHANGED),
    ],
)
def test_new_bytes_that_cannot_be_read(
    reason: RejectReason, before: ComparedContent, standing: BlockComparison | None, expected: VerdictKind
) -> None:
    case = ContentChange(before, UNREAD, told(standing=standing), reason=reason, detail="the decoder's words")
    assert word(case) is expected
    assert "the decoder's words" in classify_change(case).evidence


GREW = BlockComparison(False, 50_000, 0, 1.0, 50_000, 90_000)


@pytest.mark.parametrize(
    ("standing", "elsewhere", "expected"),
    [
        (GREW, False, VerdictKind.COMPLETED),
        (GREW, True, VerdictKind.COMPLETED),
        (SECTOR, False, VerdictKind.COMPLETED),  # parts came out of order
        (SECTOR, True, VerdictKind.RESTORED),
        (GONE, True, VerdictKind.RESTORED),
        (GONE, False, VerdictKind.REPLACED),
        (None, False, VerdictKind.REPLACED),
    ],
)
def test_what_could_not_be_read_before(
    standing: BlockComparison | None, elsewhere: bool, expected: VerdictKind
) -> None:
    assert word(ContentChange(UNREAD, JPEG, told(standing=standing), elsewhere=elsewhere)) is expected


def test_bytes_that_stood_here_before_are_restored() -> None:
    assert word(edit(held=True)) is VerdictKind.RESTORED
    assert word(edit(held=True, reason=RejectReason.DAMAGED)) is VerdictKind.ROT_PERHAPS


def test_the_same_pixels() -> None:
    assert word(ContentChange(JPEG, JPEG)) is VerdictKind.METADATA
    assert word(edit(after=JPEG)) is VerdictKind.METADATA
    inside, across = told(standing=SECTOR, coded=CODED), told(standing=SECTOR, coded=(42_000, 95_000))
    assert word(ContentChange(JPEG, JPEG, inside)) is VerdictKind.ROT_PERHAPS
    assert word(ContentChange(JPEG, JPEG, across)) is VerdictKind.METADATA


def test_the_same_pixels_as_far_as_can_be_told() -> None:
    after = JPEG._replace(picture=OTHER_DECODER)
    assert word(ContentChange(JPEG, after, told(standing=SECTOR, cosine=1.0))) is VerdictKind.METADATA
    assert word(ContentChange(JPEG, after, told(standing=SECTOR, cosine=1.0, coded=CODED))) is VerdictKind.ROT_PERHAPS
    assert word(ContentChange(JPEG, after, told(standing=GONE, cosine=1.0))) is VerdictKind.EDIT


def test_frames_that_nobody_compared() -> None:
    gif = ComparedContent("gif", 64, 64, picture=OLD, note="animated, 3 frames")
    assert word(ContentChange(gif, gif, told(standing=GONE, cosine=1.0))) is VerdictKind.EDIT


@pytest.mark.parametrize("kind", ["jpeg", "bmp"])
def test_nobody_edits_a_single_bit_of_a_picture(kind: str) -> None:
    flip = SECTOR._replace(flip=8 * 41_000)
    before, after = JPEG._replace(format=kind), CHANGED._replace(format=kind)
    assert word(ContentChange(before, after, told(standing=flip, cosine=0.3))) is VerdictKind.ROT_PERHAPS
    assert "bit 0 of byte 41000" in classify_change(ContentChange(before, after, told(standing=flip))).evidence


def test_a_bit_of_metadata_may_be_an_orientation() -> None:
    flip = SECTOR._replace(flip=8 * 500)
    assert word(ContentChange(JPEG, JPEG, told(standing=flip, coded=CODED))) is VerdictKind.METADATA


def test_newly_suspect() -> None:
    after = CHANGED._replace(suspect="grey from row 200")
    quarter = BlockComparison(False, 30_000, 0, 0.3, 30_000, 99_000)
    assert word(ContentChange(JPEG, after, told(standing=quarter, cosine=0.7))) is VerdictKind.ROT_PERHAPS
    assert word(ContentChange(JPEG, after, told(standing=GONE, cosine=0.7))) is VerdictKind.EDIT
    assert (
        word(ContentChange(JPEG._replace(suspect="grey"), after, told(standing=quarter, cosine=0.7)))
        is VerdictKind.EDIT
    )


SHIFTED = BlockComparison(False, 30_000, 60_000, 0.98, 30_000, 31_000)


@pytest.mark.parametrize(
    ("kind", "standing", "expected"),
    [
        ("jpeg", SECTOR, VerdictKind.ROT_PERHAPS),
        ("heif", SECTOR, VerdictKind.ROT_PERHAPS),
        ("png", SECTOR, VerdictKind.EDIT),  # its checksums were written anew
        ("bmp", SECTOR, VerdictKind.EDIT),  # a brush
        ("bmp", SECTOR._replace(holes=4096), VerdictKind.ROT_PERHAPS),
        ("jpeg", SHIFTED, VerdictKind.ROT_PERHAPS),
        ("bmp", SHIFTED, VerdictKind.ROT_PERHAPS),
        ("tiff", SHIFTED, VerdictKind.EDIT),  # one strip was written anew
        ("jpeg", SHIFTED._replace(leading=0, share=0.6), VerdictKind.ROT_PERHAPS),  # a byte of the tables was lost,
        ("jpeg", SHIFTED._replace(trailing=0, share=0.6), VerdictKind.EDIT),
        ("jpeg", SHIFTED._replace(trailing=0, share=0.95), VerdictKind.EDIT),
        ("jpeg", SHIFTED._replace(share=0.4), VerdictKind.EDIT),
    ],
)
def test_overwritten(kind: str, standing: BlockComparison, expected: VerdictKind) -> None:
    case = ContentChange(
        JPEG._replace(format=kind), CHANGED._replace(format=kind), told(standing=standing, cosine=0.99)
    )
    assert word(case) is expected


def test_a_lost_end_that_hardly_shows() -> None:
    end = SHIFTED._replace(leading=95_000, trailing=0, share=0.95)
    assert word(ContentChange(JPEG, CHANGED, told(standing=end, cosine=0.9999))) is VerdictKind.ROT_PERHAPS


def test_rows_that_were_cut_off_are_no_rot() -> None:
    before, after = JPEG._replace(format="pnm"), CHANGED._replace(format="pnm", height=400)
    assert word(ContentChange(before, after, told(standing=SHIFTED, cosine=0.9))) is VerdictKind.EDIT


SHOT = JPEG._replace(taken_at="2013-07-27T15:15:00", camera="Canon")


@pytest.mark.parametrize(
    ("before", "after", "clues", "expected"),
    [
        (JPEG, CHANGED, told(cosine=0.5), VerdictKind.EDIT),
        (JPEG, CHANGED, told(cosine=0.4), VerdictKind.REPLACED),
        (JPEG, CHANGED._replace(width=480, height=640), told(cosine=0.95, turned=True), VerdictKind.EDIT),
        (SHOT, SHOT._replace(picture=NEW), told(cosine=0.3), VerdictKind.EDIT),
        (SHOT, SHOT._replace(picture=NEW), told(cosine=0.0), VerdictKind.REPLACED),
        (SHOT, SHOT._replace(picture=NEW, taken_at="2013-07-27T15:15:01"), told(cosine=0.9), VerdictKind.REPLACED),
        (SHOT, SHOT._replace(picture=NEW, taken_at="2013-07-27T16:15:00"), told(cosine=0.9999), VerdictKind.EDIT),
        (JPEG, CHANGED, ContentComparison(), VerdictKind.EDIT),
        (JPEG, CHANGED._replace(width=100), ContentComparison(), VerdictKind.REPLACED),
    ],
)
def test_likeness(
    before: ComparedContent, after: ComparedContent, clues: ContentComparison, expected: VerdictKind
) -> None:
    assert word(ContentChange(before, after, clues)) is expected


def test_every_verdict_says_what_it_was_judged_from() -> None:
    evidence = classify_change(edit()._replace(same_mtime=True)).evidence
    assert "cosine 0.900" in evidence
    assert "no old bytes stand" in evidence
    assert "mtime is as it was" in evidence
