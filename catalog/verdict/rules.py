"""What happened to a file whose bytes differ from those that were known. Pure.

The rules are asked in turn, and the first that has a word ends it:

1. size, mtime and ctime stand, the bytes do not          -> rot
2. the path held these bytes before, and they were well   -> restored
3. the new bytes are damaged, or overwritten in place     -> rot?        (changed, where the old ones were damaged, too)
   another kind of image / nobody could look              -> replaced / changed
4. only the new bytes can be read: all old bytes stand    -> completed
   another file is known to hold the new ones             -> restored
   some old bytes stand / none do                         -> completed / replaced
5. the same pixels, and the coded picture is untouched    -> metadata only (rot?, where it was touched)
6. the same picture once it is turned or mirrored         -> edit
7. one bit differs                                        -> rot?
8. newly suspect, and a quarter of the old bytes stand    -> rot?
9. the coded picture was overwritten, or bytes were lost
   or inserted inside, and what follows stands            -> rot?
10. camera, time and likeness                             -> edit / replaced
"""

from collections.abc import Callable, Iterator

from catalog.verdict.block_checksums import BlockComparison
from catalog.verdict.case import ComparedContent, ContentChange, Verdict, VerdictKind
from models.decode.pixel_digest import same_pixels
from models.decode.reason import RejectReason

# The decoders' complaints that mean lost or foreign bytes. What is left says that nobody could look.
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
CHECKSUMMED_FORMATS = frozenset({"png"})  # every chunk has its checksum: who could write new ones that fit meant to
# A brush may change some bytes and no others.
LOCAL_EDIT_FORMATS = frozenset({"bmp", "pnm", "tga", "tiff", "psd", "sgi", "pcx", "ico", "icns"})
# What follows an edit is other bytes in one coded stream; raw pixels cannot become more or fewer without another shape.
NO_SHIFT_FORMATS = frozenset({"jpeg", "webp", "bmp", "pnm"})
MOST_SHARE = 0.5  # of the old bytes stand, and a new coding would have left none of them
SOME_SHARE, NEARLY_ALL_SHARE = 0.25, 0.9
# Measured with the shipped model over photos, memes and camera files: 5 of 100 crops to 80 % of each side are below
# 0.53, 1 of 100 other pictures above 0.36. Screenshots are more alike: one over another may pass for an edit.
SIMILAR_COSINE = 0.45
SAME_SHOT_COSINE = (
    0.15  # where camera and second of the shot are the same, only the plainly different is another picture
)
UNCHANGED_COSINE = 0.9995


RuleMatch = tuple[VerdictKind, str] | None


def classify_change(case: ContentChange) -> Verdict:
    """The first rule that has a word. Every change gets one."""
    for rule in RULES:
        if found := rule(case):
            word, why = found
            return Verdict(word, "; ".join(part for part in (why, *_measurements(case)) if part))
    raise AssertionError("the last rule has a word for everything")


def _hash_mismatch(case: ContentChange) -> RuleMatch:
    if not case.betrayed:
        return None
    why = "size, mtime and ctime are as they were"
    return VerdictKind.ROT, why if case.reason is None else f"{why}; {_complaint(case)}"


def _restored(case: ContentChange) -> RuleMatch:
    if case.reason is None and case.held:
        return VerdictKind.RESTORED, "these bytes stood here before"
    return None


def _unreadable(case: ContentChange) -> RuleMatch:
    if case.reason is None:
        return None
    standing, complaint = case.clues.standing, _complaint(case)
    if case.before.format is None:
        return VerdictKind.CHANGED, f"neither could be read; {complaint}"
    if case.reason in DAMAGE_REASONS or (standing is not None and standing.share >= MOST_SHARE):
        return VerdictKind.ROT_PERHAPS, complaint
    return (VerdictKind.REPLACED if case.reason in OTHER_KIND_REASONS else VerdictKind.CHANGED), complaint


def _newly_readable(case: ContentChange) -> RuleMatch:
    """What was there could not be read, what is there can."""
    if case.before.format is not None:
        return None
    why, share = "what was here could not be read", case.clues.standing.share if case.clues.standing else 0.0
    if share == 1:
        return VerdictKind.COMPLETED, f"{why}; now the rest of it has come"
    if case.elsewhere:
        return VerdictKind.RESTORED, f"{why}; now it is a file that is known to be well"
    return (VerdictKind.COMPLETED if share else VerdictKind.REPLACED), why


def _same_picture(case: ContentChange) -> RuleMatch:
    same = _equal_pixels(case)
    if same and _inside_coded_span(case):
        return VerdictKind.ROT_PERHAPS, "bytes of the coded picture changed, too little to show"
    if same:
        return VerdictKind.METADATA, "the same pixels"
    still = case.clues.cosine is not None and case.clues.cosine >= UNCHANGED_COSINE
    standing = case.clues.standing
    if (
        same is None
        and still
        and standing is not None
        and standing.share >= MOST_SHARE
        and not _inside_coded_span(case)
    ):
        return VerdictKind.METADATA, "the same picture, as far as can be told"
    return None


def _reoriented(case: ContentChange) -> RuleMatch:
    if case.clues.turned and case.clues.cosine is not None and case.clues.cosine >= SIMILAR_COSINE:
        return VerdictKind.EDIT, "the same picture, turned or mirrored"
    return None


def _single_bit_flip(case: ContentChange) -> RuleMatch:
    standing = case.clues.standing
    return (VerdictKind.ROT_PERHAPS, "nobody edits a single bit") if standing and standing.flip is not None else None


def _newly_suspect(case: ContentChange) -> RuleMatch:
    standing = case.clues.standing
    if case.after.suspect and not case.before.suspect and standing is not None and standing.share >= SOME_SHARE:
        return VerdictKind.ROT_PERHAPS, f"it was sound, and now: {case.after.suspect}"
    return None


def _overwritten(case: ContentChange) -> RuleMatch:
    """A part of the coded picture is another one, and what follows it stands: no program writes like that."""
    standing, kind = case.clues.standing, case.after.format
    if (
        standing is None
        or standing.share < MOST_SHARE
        or kind != case.before.format
        or kind in CHECKSUMMED_FORMATS
        or not _picture_changed(case)
    ):
        return None
    if standing.holes:
        return VerdictKind.ROT_PERHAPS, f"{standing.holes} bytes are whole sectors of zeros"
    if standing.in_place and kind not in LOCAL_EDIT_FORMATS:
        return VerdictKind.ROT_PERHAPS, "a part was overwritten in place"
    shifted = not standing.in_place and standing.share < 1 and (standing.trailing or _nearly_unchanged(case, standing))
    if shifted and kind in NO_SHIFT_FORMATS and _shape(case.before) == _shape(case.after):
        return VerdictKind.ROT_PERHAPS, "bytes were lost or inserted inside"
    return None


def _nearly_unchanged(case: ContentChange, standing: BlockComparison) -> bool:
    return (
        standing.share >= NEARLY_ALL_SHARE and case.clues.cosine is not None and case.clues.cosine >= UNCHANGED_COSINE
    )


def _similarity(case: ContentChange) -> RuleMatch:
    before, after, cosine = case.before, case.after, case.clues.cosine
    shots = [(side.taken_at, side.camera) for side in (before, after)]
    told = all(all(shot) for shot in shots)
    if told and shots[0] != shots[1] and (cosine is None or cosine < UNCHANGED_COSINE):
        return VerdictKind.REPLACED, "another shot, by its camera and time"
    if cosine is None:
        alike = told or _shape(before) == _shape(after)
        return (VerdictKind.EDIT if alike else VerdictKind.REPLACED), "by its metadata and shape alone"
    if cosine >= (SAME_SHOT_COSINE if told else SIMILAR_COSINE):
        return VerdictKind.EDIT, "the same shot, by its camera and time" if told else "a like picture"
    return VerdictKind.REPLACED, "another picture"


RULES: tuple[Callable[[ContentChange], RuleMatch], ...] = (
    _hash_mismatch,
    _restored,
    _unreadable,
    _newly_readable,
    _same_picture,
    _reoriented,
    _single_bit_flip,
    _newly_suspect,
    _overwritten,
    _similarity,
)


def _equal_pixels(case: ContentChange) -> bool | None:
    """Whether the decoded pixels are the same; None where that cannot be told."""
    if _shape(case.before) != _shape(case.after):
        return False
    same = same_pixels(case.before.picture, case.after.picture)
    # Only the first of several frames was looked at.
    return None if same and (case.after.note or "").startswith("animated") else same


def _picture_changed(case: ContentChange) -> bool:
    """Whether the picture itself changed, as far as can be told."""
    same, cosine = _equal_pixels(case), case.clues.cosine
    return (
        same is False
        or _inside_coded_span(case)
        or (case.clues.coded is None and cosine is not None and cosine < UNCHANGED_COSINE)
    )


def _inside_coded_span(case: ContentChange) -> bool:
    """Whether all that differs lies inside the compressed picture, where no metadata is."""
    standing, coded = case.clues.standing, case.clues.coded
    if standing is None or coded is None:
        return False
    if standing.flip is not None:
        return coded[0] <= standing.flip // 8 < coded[1]
    return coded[0] <= standing.first and standing.last <= coded[1]


def _shape(side: ComparedContent) -> tuple[int, ...]:
    """Width and height, however the picture is turned."""
    return tuple(sorted((side.width or 0, side.height or 0)))


def _complaint(case: ContentChange) -> str:
    return f"{case.reason}: {case.detail}" if case.detail else str(case.reason)


def _measurements(case: ContentChange) -> Iterator[str]:
    """What was measured, in words."""
    clues = case.clues
    if clues.standing is not None:
        yield _block_evidence(clues.standing)
    if clues.cosine is not None:
        yield f"cosine {clues.cosine:.3f}"
    if case.same_mtime and not case.betrayed:
        yield "mtime is as it was"


def _block_evidence(standing: BlockComparison) -> str:
    if standing.flip is not None:
        byte, bit = divmod(standing.flip, 8)
        return f"only bit {bit} of byte {byte} differs"
    if standing.share == 0:
        return "no old bytes stand"
    where = f", all but bytes {standing.first} to {standing.last}" if standing.in_place else ""
    return f"{_percent(standing.share)} of the old bytes stand{where}"


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{min(99, int(100 * share))} %"
