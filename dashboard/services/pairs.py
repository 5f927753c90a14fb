"""Contrasts as pairs that a person reviews and takes away."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from convexplain.connectors.training import EXPORTERS, PairExporter
from convexplain.store import RunStore
from convexplain.store.reviews import Decision, Review, keep_review
from convexplain.types import Contrast

from .labelling import reviewer

CONTEXT = 4  # turns shown before an edited one


def formats() -> dict[str, str]:
    """Return the forms that pairs are written in, and who reads them."""
    return {form.name: form.description for form in EXPORTERS.records if isinstance(form, PairExporter)}


def edited_turn(contrast: Contrast) -> int | None:
    """The one turn that a contrast edits; None where it edits several or none."""
    turns = {edit.unit.turn for edit in contrast.edits}
    return turns.pop() if len(turns) == 1 else None


def review(store: RunStore, contrast: int, name: str, decision: Decision, text: str | None = None) -> None:
    """Keeps what a reviewer says of a contrast. Raises UsageError where the name or the text cannot be meant."""
    keep_review(store, Review(contrast, reviewer(name), decision, text))


def neighbours(numbers: Sequence[int], chosen: int | None) -> tuple[int | None, int | None, int | None]:
    """Of a list: the chosen number if it is there, else the first; and those before and after it."""
    if not numbers:
        return None, None, None
    at = numbers.index(chosen) if chosen in numbers else 0
    before = numbers[at - 1] if at else None
    return numbers[at], before, numbers[at + 1] if at + 1 < len(numbers) else None


def zipped(folder: Path) -> bytes:
    """The files of a folder as one ZIP archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return made.getvalue()
