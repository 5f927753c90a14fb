"""Reviewers' decisions about the training pairs that contrasts give."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa

from convexplain.errors import UsageError

from . import schema
from .database import insert_for, reading, writing
from .store import RunStore

Decision = Literal["accept", "reject", "fix"]
_DECISIONS = ("accept", "reject", "fix")


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewer's decision about a contrast as training data.

    Attributes:
        contrast: its number in the store.
        reviewer: the reviewer's name.
        decision: `accept`, `reject`, or `fix`: use the reviewer's wording.
        text: the edited turn in the reviewer's wording; only with `fix`.
    """

    contrast: int
    reviewer: str
    decision: Decision
    text: str | None = None

    def __post_init__(self) -> None:
        if self.decision not in _DECISIONS:
            raise UsageError(f"decision={self.decision!r} is not valid; valid are: {', '.join(_DECISIONS)}")
        if (self.decision == "fix") != bool(self.text and self.text.strip()):
            raise UsageError(
                f"decision={self.decision!r} {'needs a text' if self.decision == 'fix' else 'has no text'}"
            )


def keep_review(store: RunStore, review: Review) -> None:
    """Keep a review, in place of an earlier one by the same reviewer of the same contrast."""
    table = schema.pair_reviews
    values = {"decision": review.decision, "text": review.text, "created_at": datetime.now(UTC)}
    with writing(store.engine) as connection:
        connection.execute(
            insert_for(store.engine)(table)
            .values(contrast=review.contrast, reviewer=review.reviewer, **values)
            .on_conflict_do_update(index_elements=["contrast", "reviewer"], set_=values)
        )


def reviews(store: RunStore, run: int) -> dict[int, Review]:
    """Return the newest review of each contrast of a run."""
    table = schema.pair_reviews
    query = (
        sa.select(table)
        .join(schema.contrasts, schema.contrasts.c.id == table.c.contrast)
        .where(schema.contrasts.c.run == run)
        .order_by(table.c.created_at, table.c.id)
    )
    with reading(store.engine) as connection:
        return {
            row.contrast: Review(row.contrast, row.reviewer, row.decision, row.text)
            for row in connection.execute(query)
        }
