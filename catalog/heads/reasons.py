"""Why a picture is proposed for deletion, in words that its owner can check. Pure."""

from dataclasses import dataclass

from catalog.formatting import show
from models.learn.file_features import words

BLURRED = 0.7  # models.detail: sharp photos lie above 1, those blurred by 3 pixels of 500 under 0.7
SMALL = 0.15  # megapixels
MANY = 0.6  # of those most alike that were labelled
SCREENS = {"screenshot", "screenshots", "screen", "bildschirmfoto", "bildschirmfotos", "capture", "schermata"}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a picture. `gone` of the `asked` labelled pictures most like it were deleted."""

    label: str | None
    better: bytes | None
    gone: int
    asked: int
    detail: float | None
    suspect: str | None
    format: str | None
    width: int | None
    height: int | None
    camera: str | None
    path: bytes


def reasons(known: Known) -> tuple[str, ...]:
    """The strongest first; at least one."""
    found = [
        "you labelled it delete" if known.label == "delete" else "",
        f"a copy of a better file: {show(known.better)}" if known.better is not None else "",
        f"looks damaged: {known.suspect}" if known.suspect else "",
        f"looks like {known.gone} that you deleted, of the {known.asked} most alike" if _like_deleted(known) else "",
        "blurred" if known.detail is not None and known.camera and known.detail < BLURRED else "",
        "a screenshot" if _screenshot(known) else "",
        f"small: {known.width} x {known.height}" if _small(known) else "",
    ]
    return tuple(word for word in found if word) or ("by its looks and its name, all together",)


def _like_deleted(known: Known) -> bool:
    return known.asked > 0 and known.gone >= MANY * known.asked


def _small(known: Known) -> bool:
    return known.width is not None and known.height is not None and known.width * known.height < SMALL * 1e6


def _screenshot(known: Known) -> bool:
    named = SCREENS & words(known.path.decode("utf-8", "replace"))
    return bool(named) and known.camera is None
