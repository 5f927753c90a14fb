"""Reviews of contrasts as training pairs, and their export."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from convexplain.connectors.training import EXPORTERS, PairExporter
from convexplain.store import RunStore
from convexplain.store.reviews import Decision, Review, keep_review
from convexplain.types import Contrast
from convexplain.workspace.triage import reviewer_name

CONTEXT = 4  # turns shown before an edited one


def export_formats() -> dict[str, str]:
    """Return the names of the export formats with their descriptions."""
    return {form.name: form.description for form in EXPORTERS.records if isinstance(form, PairExporter)}


def edited_turn(contrast: Contrast) -> int | None:
    """Return the index of the turn that a contrast edits; None where it edits several turns or none."""
    turns = {edit.unit.turn for edit in contrast.edits}
    return turns.pop() if len(turns) == 1 else None


def save_review(store: RunStore, contrast: int, name: str, decision: Decision, text: str | None = None) -> None:
    """Save a reviewer's decision on a contrast.

    Raises:
        UsageError: the name or the text is not valid.
    """
    keep_review(store, Review(contrast, reviewer_name(name), decision, text))


def neighbours(numbers: Sequence[int], chosen: int | None) -> tuple[int | None, int | None, int | None]:
    """Return the chosen number of a list (the first where it is not in it), and the numbers before and after it."""
    if not numbers:
        return None, None, None
    index = numbers.index(chosen) if chosen in numbers else 0
    before = numbers[index - 1] if index else None
    return numbers[index], before, numbers[index + 1] if index + 1 < len(numbers) else None


def zip_folder(folder: Path) -> bytes:
    """Return the files of a folder as one ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()
