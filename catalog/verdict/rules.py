"""Classify a change of a file's bytes. Pure.

The first rule that matches decides:

1. size, mtime and ctime are unchanged, the bytes are not          -> rot
2. the path held these bytes before, and they were intact          -> restored
3. the new bytes are damaged, or overwritten in place              -> rot?        (changed, if the old were damaged too)
   they are another kind of file / nobody could look               -> replaced / changed
4. only the new bytes can be decoded: they contain all old bytes   -> completed
   another intact file holds the new bytes                         -> restored
   they contain some / none of the old bytes                       -> completed / replaced
5. the pixels are the same, and so is the compressed image data    -> metadata only (rot?, if that data changed)
6. the image is the same once rotated or mirrored                  -> edit
7. a single bit differs                                            -> rot?
8. newly suspect, and at least a quarter of the old bytes remain   -> rot?
9. the compressed image data was overwritten, or bytes inside it
   were lost or inserted, and what follows is unchanged            -> rot?
10. camera, time and similarity                                    -> edit / replaced
"""

from collections.abc import Callable, Iterator

from catalog.verdict.block_checksums import BlockComparison
from catalog.verdict.case import ComparedContent, ContentChange, Verdict, VerdictKind
from models.decode.pixel_digest import same_pixels
from models.decode.reason import RejectReason

# Reasons that mean lost or foreign bytes. The others say that the decoder could not check.
DAMAGE_REASONS = frozenset(
    {
        RejectReason.EMPTY,
        RejectReason.TRUNCATED,
        RejectReason.DAMAGED,
        RejectReason.CHECKSUM,
        RejectReason.NOT_IMAGE,
        RejectReason.WRONG_TYPE,
        RejectReason.CRASH,
    }
)
OTHER_KIND_REASONS = frozenset({RejectReason.UNSUPPORTED, RejectReason.PIXELS})
CHECKSUMMED_FORMATS = frozenset({"png"})  # new bytes with matching checksums were written on purpose
# Formats in which an edit of a region changes only the bytes of that region.
LOCAL_EDIT_FORMATS = frozenset({"bmp", "pnm", "tga", "tiff", "psd", "sgi", "pcx", "ico", "icns"})
# Formats in which no edit shifts bytes and leaves them unchanged: in one entropy-coded stream, all bytes after an edit
# change; raw pixels cannot become more or fewer without a change of width or height.
NO_SHIFT_FORMATS = frozenset({"jpeg", "webp", "bmp", "pnm"})
# Shares of the old bytes that remain. An image that was encoded again keeps none of them.
QUARTER_SHARE, HALF_SHARE, NEARLY_ALL_SHARE = 0.25, 0.5, 0.9
# Measured with the shipped model on photos, memes and camera files: 5 of 100 crops to 80 % of each side are below
# 0.53, 1 of 100 other images above 0.36. Screenshots are more alike: one that replaces another may pass for an edit.
SIMILAR_COSINE = 0.45
SAME_SHOT_COSINE = 0.15  # if camera and second of the shot agree, only a clearly different image is another one
UNCHANGED_COSINE = 0.9995

RuleMatch = tuple[VerdictKind, str] | None


def classify_change(change: ContentChange) -> Verdict:
    """Return the verdict of the first rule that matches; the last always does."""
    for rule in RULES:
        if match := rule(change):
            kind, evidence = match
            return Verdict(kind, "; ".join(part for part in (evidence, *_measurements(change)) if part))
    raise AssertionError("the last rule matches every change")


def _hash_mismatch(change: ContentChange) -> RuleMatch:
    if not change.hash_mismatch:
        return None
    evidence = "size, mtime and ctime are as they were"
    return VerdictKind.ROT, evidence if change.reason is None else f"{evidence}; {_rejection(change)}"


def _restored(change: ContentChange) -> RuleMatch:
    if change.reason is None and change.held_before:
        return VerdictKind.RESTORED, "this file had these bytes before"
    return None


def _undecodable(change: ContentChange) -> RuleMatch:
    if change.reason is None:
        return None
    blocks, evidence = change.comparison.blocks, _rejection(change)
    if change.before.format is None:
        return VerdictKind.CHANGED, f"neither version could be decoded; {evidence}"
    if change.reason in DAMAGE_REASONS or (blocks is not None and blocks.unchanged_share >= HALF_SHARE):
        return VerdictKind.ROT_PERHAPS, evidence
    return (VerdictKind.REPLACED if change.reason in OTHER_KIND_REASONS else VerdictKind.CHANGED), evidence


def _newly_decodable(change: ContentChange) -> RuleMatch:
    if change.before.format is not None:
        return None
    evidence = "the old version could not be decoded"
    share = change.comparison.blocks.unchanged_share if change.comparison.blocks else 0.0
    if share == 1:
        return VerdictKind.COMPLETED, f"{evidence}; the new one contains all of it and more"
    if change.held_elsewhere:
        return VerdictKind.RESTORED, f"{evidence}; another intact file holds the new bytes"
    return (VerdictKind.COMPLETED if share else VerdictKind.REPLACED), evidence


def _same_picture(change: ContentChange) -> RuleMatch:
    same, blocks = _equal_pixels(change), change.comparison.blocks
    if same and _inside_coded_span(change):
        return VerdictKind.ROT_PERHAPS, "compressed image data changed, too little to show"
    if same:
        return VerdictKind.METADATA, "the pixels are the same"
    if (
        same is None
        and _same_cosine(change)
        and blocks is not None
        and blocks.unchanged_share >= HALF_SHARE
        and not _inside_coded_span(change)
    ):
        return VerdictKind.METADATA, "the same image, as far as can be told"
    return None


def _reoriented(change: ContentChange) -> RuleMatch:
    comparison = change.comparison
    if comparison.reoriented and comparison.cosine is not None and comparison.cosine >= SIMILAR_COSINE:
        return VerdictKind.EDIT, "the same image, rotated or mirrored"
    return None


def _single_bit_flip(change: ContentChange) -> RuleMatch:
    blocks = change.comparison.blocks
    if blocks is not None and blocks.flipped_bit is not None:
        return VerdictKind.ROT_PERHAPS, "no program changes a single bit"
    return None


def _newly_suspect(change: ContentChange) -> RuleMatch:
    blocks = change.comparison.blocks
    if (
        change.after.suspect
        and not change.before.suspect
        and blocks is not None
        and blocks.unchanged_share >= QUARTER_SHARE
    ):
        return VerdictKind.ROT_PERHAPS, f"the old version was intact, the new one: {change.after.suspect}"
    return None


def _overwritten(change: ContentChange) -> RuleMatch:
    """Match if a part of the image data differs and what follows is unchanged: no program writes like that."""
    blocks, format_ = change.comparison.blocks, change.after.format
    if (
        blocks is None
        or blocks.unchanged_share < HALF_SHARE
        or format_ != change.before.format
        or format_ in CHECKSUMMED_FORMATS
        or not _picture_changed(change)
    ):
        return None
    if blocks.zero_bytes:
        return VerdictKind.ROT_PERHAPS, f"{blocks.zero_bytes} bytes in whole sectors are zero"
    if blocks.same_size and format_ not in LOCAL_EDIT_FORMATS:
        return VerdictKind.ROT_PERHAPS, "a part was overwritten in place"
    nearly_unchanged = blocks.unchanged_share >= NEARLY_ALL_SHARE and _same_cosine(change)
    shifted = not blocks.same_size and blocks.unchanged_share < 1 and (blocks.trailing or nearly_unchanged)
    if shifted and format_ in NO_SHIFT_FORMATS and _shape(change.before) == _shape(change.after):
        return VerdictKind.ROT_PERHAPS, "bytes inside the file were lost or inserted"
    return None


def _similarity(change: ContentChange) -> RuleMatch:
    before, after, cosine = change.before, change.after, change.comparison.cosine
    old_shot, new_shot = (before.taken_at, before.camera), (after.taken_at, after.camera)
    shots_known = all(old_shot) and all(new_shot)
    if shots_known and old_shot != new_shot and not _same_cosine(change):
        return VerdictKind.REPLACED, "another shot, by camera and time"
    if cosine is None:
        similar = shots_known or _shape(before) == _shape(after)
        return (VerdictKind.EDIT if similar else VerdictKind.REPLACED), "judged by metadata and shape alone"
    if cosine >= (SAME_SHOT_COSINE if shots_known else SIMILAR_COSINE):
        return VerdictKind.EDIT, "the same shot, by camera and time" if shots_known else "a similar image"
    return VerdictKind.REPLACED, "a different image"


RULES: tuple[Callable[[ContentChange], RuleMatch], ...] = (
    _hash_mismatch,
    _restored,
    _undecodable,
    _newly_decodable,
    _same_picture,
    _reoriented,
    _single_bit_flip,
    _newly_suspect,
    _overwritten,
    _similarity,
)


def _equal_pixels(change: ContentChange) -> bool | None:
    """Return whether the decoded pixels are the same; None if that is unknown."""
    if _shape(change.before) != _shape(change.after):
        return False
    same = same_pixels(change.before.picture, change.after.picture)
    # Only the first frame of an animation is compared.
    return None if same and (change.after.note or "").startswith("animated") else same


def _same_cosine(change: ContentChange) -> bool:
    cosine = change.comparison.cosine
    return cosine is not None and cosine >= UNCHANGED_COSINE


def _picture_changed(change: ContentChange) -> bool:
    """Return whether the image itself changed, as far as can be told."""
    comparison = change.comparison
    return (
        _equal_pixels(change) is False
        or _inside_coded_span(change)
        or (comparison.coded_span is None and comparison.cosine is not None and not _same_cosine(change))
    )


def _inside_coded_span(change: ContentChange) -> bool:
    """Return whether every difference is inside the compressed image data, where there is no metadata."""
    blocks, span = change.comparison.blocks, change.comparison.coded_span
    if blocks is None or span is None:
        return False
    start, stop = span
    if blocks.flipped_bit is not None:
        return start <= blocks.flipped_bit // 8 < stop
    return start <= blocks.start and blocks.stop <= stop


def _shape(content: ComparedContent) -> tuple[int, ...]:
    """Return width and height, the smaller one first, so that a rotation does not matter."""
    return tuple(sorted((content.width or 0, content.height or 0)))


def _rejection(change: ContentChange) -> str:
    return f"{change.reason}: {change.detail}" if change.detail else str(change.reason)


def _measurements(change: ContentChange) -> Iterator[str]:
    comparison = change.comparison
    if comparison.blocks is not None:
        yield _block_evidence(comparison.blocks)
    if comparison.cosine is not None:
        yield f"cosine {comparison.cosine:.3f}"
    if change.same_mtime and not change.hash_mismatch:
        yield "mtime is as it was"


def _block_evidence(blocks: BlockComparison) -> str:
    if blocks.flipped_bit is not None:
        byte, bit = divmod(blocks.flipped_bit, 8)
        return f"only bit {bit} of byte {byte} differs"
    if blocks.unchanged_share == 0:
        return "none of the old bytes remain"
    where = f", all but bytes {blocks.start} to {blocks.stop}" if blocks.same_size else ""
    return f"{_percent(blocks.unchanged_share)} of the old bytes remain{where}"


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{min(99, int(100 * share))} %"
