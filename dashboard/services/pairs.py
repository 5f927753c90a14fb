"""Reviews of contrasts as training pairs, and their export."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from convexplain.connectors.training import EXPORTERS, PairExporter
from convexplain.store import RunStore
from convexplain.store.contrast_list import ContrastRow
from convexplain.store.reviews import Decision, Review, keep_review
from convexplain.types import Contrast
from convexplain.workspace import PairCheck, Workspace
from convexplain.workspace.edited_pairs import BY_HAND
from convexplain.workspace.triage import reviewer_name

from .audit import recorded, reviewer_of

CONTEXT = 4  # turns shown before an edited one


def export_formats() -> dict[str, str]:
    """Return the names of the export formats with their descriptions."""
    return {form.name: form.description for form in EXPORTERS.records if isinstance(form, PairExporter)}


def edited_turn(contrast: Contrast) -> int | None:
    """Return the index of the turn that a contrast edits; None where it edits several turns or none."""
    turns = {edit.unit.turn for edit in contrast.edits}
    return turns.pop() if len(turns) == 1 else None


@dataclass(frozen=True, slots=True)
class SameEdit:
    """The contrasts of one edit: it was searched for, or scored, on several maxims.

    Attributes:
        rows: the contrasts, the largest movement of the score first.
        by_person: whether a person wrote the edit.
    """

    rows: tuple[ContrastRow, ...]
    by_person: bool

    @property
    def first(self) -> ContrastRow:
        """Return the contrast whose score moves furthest."""
        return self.rows[0]

    def reviewed_with(self, number: int, decision: Decision) -> list[int]:
        """Return the contrasts that a decision on one of them is about.

        A rejected edit is rejected on all maxims; else the decision holds where the score moves the same way.
        """
        row = next(row for row in self.rows if row.number == number)
        return [
            member.number
            for member in self.rows
            if decision == "reject" or member is row or (_rises(row) is not None and _rises(member) == _rises(row))
        ]


def same_edits(rows: Sequence[ContrastRow], digests: Mapping[int, tuple[str, str]]) -> list[SameEdit]:
    """Return the contrasts of a list by their edits, in the order of the list.

    Args:
        rows: the contrasts.
        digests: by the contrasts' numbers the digest of the edit, and the search, as of `edit_digests`.
    """
    groups: dict[str, list[ContrastRow]] = {}
    for row in rows:
        groups.setdefault(digests.get(row.number, (str(row.number), ""))[0], []).append(row)
    return [
        SameEdit(tuple(group), any(digests.get(row.number, ("", ""))[1] == BY_HAND for row in group))
        for group in groups.values()
    ]


def pair_check(store: RunStore, contrast: int) -> PairCheck:
    """Return the gates that a contrast passes as a training pair."""
    return Workspace(store).check_pair(contrast)


def save_review(
    store: RunStore, contrasts: Sequence[int], name: str, decision: Decision, text: str | None = None
) -> None:
    """Save a reviewer's decision on the contrasts of one edit.

    Raises:
        UsageError: the name or the text is not valid.
    """
    with recorded(store, "label", "review a pair", contrasts=list(contrasts), decision=decision):
        reviewer = reviewer_name(reviewer_of(name))
        for contrast in contrasts:
            keep_review(store, Review(contrast, reviewer, decision, text))


def _rises(row: ContrastRow) -> bool | None:
    return None if row.before is None or row.after is None else row.after > row.before


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
