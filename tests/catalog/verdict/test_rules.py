"""The rules for verdicts, and their order."""

import pytest

from catalog.verdict.block_checksums import BlockComparison
from catalog.verdict.case import ComparedContent, ContentChange, ContentComparison, VerdictKind
from catalog.verdict.rules import classify_change
from models.decode.reason import RejectReason

OLD, NEW, OTHER_DECODER = b"aaaa" + b"1" * 12, b"aaaa" + b"2" * 12, b"bbbb" + b"2" * 12
JPEG = ComparedContent("jpeg", 640, 480, picture=OLD)
CHANGED = JPEG._replace(picture=NEW)
UNDECODED = ComparedContent()
ONE_SECTOR = BlockComparison(True, 40_000, 50_000, 0.95, 40_000, 45_000)
NOTHING_LEFT = BlockComparison(False, 0, 0, 0.0, 0, 90_000)
CODED_SPAN = (1000, 95_000)


def compared(**fields: object) -> ContentComparison:
    return ContentComparison(previous=1, **fields)  # type: ignore[arg-type]


def verdict(change: ContentChange) -> VerdictKind:
    return classify_change(change).kind


def edit(**changes: object) -> ContentChange:
    """Return a change that keeps none of the old bytes, with other fields as given."""
    return ContentChange(JPEG, CHANGED, compared(blocks=NOTHING_LEFT, cosine=0.9))._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        edit(),
        edit(after=JPEG),
        edit(reason=RejectReason.TRUNCATED, after=UNDECODED),
        edit(held_before=True),
        edit(before=UNDECODED),
    ],
)
def test_any_change_under_unchanged_times_is_rot(change: ContentChange) -> None:
    assert verdict(change._replace(hash_mismatch=True)) is VerdictKind.ROT
    assert verdict(change) is not VerdictKind.ROT


@pytest.mark.parametrize(
    ("reason", "before", "blocks", "expected"),
    [
        *(
            (reason, JPEG, None, VerdictKind.ROT_PERHAPS)
            for reason in (RejectReason.TRUNCATED, RejectReason.DAMAGED, RejectReason.CHECKSUM)
        ),
        *(
            (reason, JPEG, NOTHING_LEFT, VerdictKind.ROT_PERHAPS)
            for reason in (RejectReason.EMPTY, RejectReason.NOT_IMAGE, RejectReason.WRONG_TYPE)
        ),
        (RejectReason.UNSUPPORTED, JPEG, NOTHING_LEFT, VerdictKind.REPLACED),
        (RejectReason.UNSUPPORTED, JPEG, ONE_SECTOR, VerdictKind.ROT_PERHAPS),  # the header is damaged
        (RejectReason.PIXELS, JPEG, ONE_SECTOR, VerdictKind.ROT_PERHAPS),
        (RejectReason.LARGE, JPEG, None, VerdictKind.CHANGED),
        (RejectReason.MODEL, JPEG, NOTHING_LEFT, VerdictKind.CHANGED),
        (RejectReason.DAMAGED, UNDECODED, ONE_SECTOR, VerdictKind.CHANGED),
    ],
)
def test_undecodable_new_bytes(
    reason: RejectReason, before: ComparedContent, blocks: BlockComparison | None, expected: VerdictKind
) -> None:
    change = ContentChange(before, UNDECODED, compared(blocks=blocks), reason=reason, detail="a detail")
    assert verdict(change) is expected
    assert "a detail" in classify_change(change).evidence


APPENDED = BlockComparison(False, 50_000, 0, 1.0, 50_000, 90_000)


@pytest.mark.parametrize(
    ("blocks", "held_elsewhere", "expected"),
    [
        (APPENDED, False, VerdictKind.COMPLETED),
        (APPENDED, True, VerdictKind.COMPLETED),
        (ONE_SECTOR, False, VerdictKind.COMPLETED),  # parts arrived out of order
        (ONE_SECTOR, True, VerdictKind.RESTORED),
        (NOTHING_LEFT, True, VerdictKind.RESTORED),
        (NOTHING_LEFT, False, VerdictKind.REPLACED),
        (None, False, VerdictKind.REPLACED),
    ],
)
def test_undecodable_old_bytes(blocks: BlockComparison | None, held_elsewhere: bool, expected: VerdictKind) -> None:
    assert verdict(ContentChange(UNDECODED, JPEG, compared(blocks=blocks), held_elsewhere=held_elsewhere)) is expected


def test_bytes_that_the_path_held_before_are_restored() -> None:
    assert verdict(edit(held_before=True)) is VerdictKind.RESTORED
    assert verdict(edit(held_before=True, reason=RejectReason.DAMAGED)) is VerdictKind.ROT_PERHAPS


def test_equal_pixels_are_a_metadata_change_unless_image_data_changed() -> None:
    assert verdict(ContentChange(JPEG, JPEG)) is VerdictKind.METADATA
    assert verdict(edit(after=JPEG)) is VerdictKind.METADATA
    inside, across = (
        compared(blocks=ONE_SECTOR, coded_span=CODED_SPAN),
        compared(blocks=ONE_SECTOR, coded_span=(42_000, 95_000)),
    )
    assert verdict(ContentChange(JPEG, JPEG, inside)) is VerdictKind.ROT_PERHAPS
    assert verdict(ContentChange(JPEG, JPEG, across)) is VerdictKind.METADATA


def test_an_unchanged_cosine_stands_in_for_digests_of_different_decoders() -> None:
    after = JPEG._replace(picture=OTHER_DECODER)
    assert verdict(ContentChange(JPEG, after, compared(blocks=ONE_SECTOR, cosine=1.0))) is VerdictKind.METADATA
    assert (
        verdict(ContentChange(JPEG, after, compared(blocks=ONE_SECTOR, cosine=1.0, coded_span=CODED_SPAN)))
        is VerdictKind.ROT_PERHAPS
    )
    assert verdict(ContentChange(JPEG, after, compared(blocks=NOTHING_LEFT, cosine=1.0))) is VerdictKind.EDIT


def test_an_animation_is_not_judged_by_its_first_frame() -> None:
    gif = ComparedContent("gif", 64, 64, picture=OLD, note="animated, 3 frames")
    assert verdict(ContentChange(gif, gif, compared(blocks=NOTHING_LEFT, cosine=1.0))) is VerdictKind.EDIT


@pytest.mark.parametrize("kind", ["jpeg", "bmp"])
def test_a_single_flipped_bit_in_image_data_may_be_rot(kind: str) -> None:
    flip = ONE_SECTOR._replace(flipped_bit=8 * 41_000)
    before, after = JPEG._replace(format=kind), CHANGED._replace(format=kind)
    assert verdict(ContentChange(before, after, compared(blocks=flip, cosine=0.3))) is VerdictKind.ROT_PERHAPS
    assert "bit 0 of byte 41000" in classify_change(ContentChange(before, after, compared(blocks=flip))).evidence


def test_a_single_flipped_bit_in_metadata_is_a_metadata_change() -> None:
    flip = ONE_SECTOR._replace(flipped_bit=8 * 500)
    assert verdict(ContentChange(JPEG, JPEG, compared(blocks=flip, coded_span=CODED_SPAN))) is VerdictKind.METADATA


def test_a_newly_suspect_image_that_keeps_old_bytes_may_be_rot() -> None:
    after = CHANGED._replace(suspect="grey from row 200")
    quarter = BlockComparison(False, 30_000, 0, 0.3, 30_000, 99_000)
    assert verdict(ContentChange(JPEG, after, compared(blocks=quarter, cosine=0.7))) is VerdictKind.ROT_PERHAPS
    assert verdict(ContentChange(JPEG, after, compared(blocks=NOTHING_LEFT, cosine=0.7))) is VerdictKind.EDIT
    assert (
        verdict(ContentChange(JPEG._replace(suspect="grey"), after, compared(blocks=quarter, cosine=0.7)))
        is VerdictKind.EDIT
    )


SHIFTED = BlockComparison(False, 30_000, 60_000, 0.98, 30_000, 31_000)


@pytest.mark.parametrize(
    ("kind", "blocks", "expected"),
    [
        ("jpeg", ONE_SECTOR, VerdictKind.ROT_PERHAPS),
        ("heif", ONE_SECTOR, VerdictKind.ROT_PERHAPS),
        ("png", ONE_SECTOR, VerdictKind.EDIT),  # its checksums were recomputed
        ("bmp", ONE_SECTOR, VerdictKind.EDIT),  # a brush
        ("bmp", ONE_SECTOR._replace(zero_bytes=4096), VerdictKind.ROT_PERHAPS),
        ("jpeg", SHIFTED, VerdictKind.ROT_PERHAPS),
        ("bmp", SHIFTED, VerdictKind.ROT_PERHAPS),
        ("tiff", SHIFTED, VerdictKind.EDIT),  # one strip was encoded again
        (
            "jpeg",
            SHIFTED._replace(leading=0, unchanged_share=0.6),
            VerdictKind.ROT_PERHAPS,
        ),  # a byte of the tables was lost
        ("jpeg", SHIFTED._replace(trailing=0, unchanged_share=0.6), VerdictKind.EDIT),
        ("jpeg", SHIFTED._replace(trailing=0, unchanged_share=0.95), VerdictKind.EDIT),
        ("jpeg", SHIFTED._replace(unchanged_share=0.4), VerdictKind.EDIT),
    ],
)
def test_overwritten_or_shifted_image_data(kind: str, blocks: BlockComparison, expected: VerdictKind) -> None:
    change = ContentChange(
        JPEG._replace(format=kind), CHANGED._replace(format=kind), compared(blocks=blocks, cosine=0.99)
    )
    assert verdict(change) is expected


def test_a_lost_end_that_hardly_shows_may_be_rot() -> None:
    end = SHIFTED._replace(leading=95_000, trailing=0, unchanged_share=0.95)
    assert verdict(ContentChange(JPEG, CHANGED, compared(blocks=end, cosine=0.9999))) is VerdictKind.ROT_PERHAPS


def test_removed_rows_of_pixels_are_an_edit() -> None:
    before, after = JPEG._replace(format="pnm"), CHANGED._replace(format="pnm", height=400)
    assert verdict(ContentChange(before, after, compared(blocks=SHIFTED, cosine=0.9))) is VerdictKind.EDIT


SHOT = JPEG._replace(taken_at="2013-07-27T15:15:00", camera="Canon")


@pytest.mark.parametrize(
    ("before", "after", "comparison", "expected"),
    [
        (JPEG, CHANGED, compared(cosine=0.5), VerdictKind.EDIT),
        (JPEG, CHANGED, compared(cosine=0.4), VerdictKind.REPLACED),
        (JPEG, CHANGED._replace(width=480, height=640), compared(cosine=0.95, reoriented=True), VerdictKind.EDIT),
        (SHOT, SHOT._replace(picture=NEW), compared(cosine=0.3), VerdictKind.EDIT),
        (SHOT, SHOT._replace(picture=NEW), compared(cosine=0.0), VerdictKind.REPLACED),
        (SHOT, SHOT._replace(picture=NEW, taken_at="2013-07-27T15:15:01"), compared(cosine=0.9), VerdictKind.REPLACED),
        (SHOT, SHOT._replace(picture=NEW, taken_at="2013-07-27T16:15:00"), compared(cosine=0.9999), VerdictKind.EDIT),
        (JPEG, CHANGED, ContentComparison(), VerdictKind.EDIT),
        (JPEG, CHANGED._replace(width=100), ContentComparison(), VerdictKind.REPLACED),
    ],
)
def test_similarity(
    before: ComparedContent, after: ComparedContent, comparison: ContentComparison, expected: VerdictKind
) -> None:
    assert verdict(ContentChange(before, after, comparison)) is expected


def test_the_evidence_names_the_measurements() -> None:
    evidence = classify_change(edit()._replace(same_mtime=True)).evidence
    assert "cosine 0.900" in evidence
    assert "none of the old bytes remain" in evidence
    assert "mtime is as it was" in evidence
