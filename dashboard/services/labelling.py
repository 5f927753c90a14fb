"""Labels that people give to turns, and their disagreements with the judge."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convexplain.errors import ConvexplainError
from convexplain.explain.wording import judged_place
from convexplain.report.trust_marks import TrustMark
from convexplain.store import Run, RunStore, keep_turn_rating, rated_turns, turn_ratings
from convexplain.store.ratings import RatedTurn
from convexplain.store.themes import stored_themes
from convexplain.text.visible import one_line
from convexplain.types import Label, Rating, Rubric
from convexplain.workspace import AnalyzedRun, LabelProgress, TriageTurn, Workspace
from convexplain.workspace.triage import RunLabels

from .audit import recorded, reviewer_of

_AHEAD = 20  # turns that are read at once

REASONS = {
    "random": "It came by chance",
    "lowest": "It came because its score is one of the lowest",
    "uncertain": "It came because its score is near the middle",
    None: "It came because another person has labelled it",
}
"""Why a turn was in the queue; said only after its label, which would be led by it."""


@dataclass(slots=True)
class LabelDesk:
    """The turns that one person labels in a session, and the way back to them.

    Attributes:
        store: the run store.
        labels: the labels of the run on the maxim.
        mark: the trust in the judge, which stands beside its score.
        reviewer: the person's name, as the store keeps it.
        second: whether the turns are those that other people have labelled.
        turns: the turns that came so far, and the next ones.
        position: index of the turn that is shown; behind the last one at the end.
        notes: what the person wrote about turns without a label, by their indices.
        changes: the indices of labelled turns with the labels before, the newest last.
        remaining: how many turns there were to label when the newest ones were read.
        dialog: the dialog that is open, `note` or `theme`; empty for none.
    """

    store: RunStore
    labels: RunLabels
    mark: TrustMark
    reviewer: str
    second: bool = False
    turns: list[TriageTurn] = field(default_factory=list)
    position: int = 0
    notes: dict[int, str] = field(default_factory=dict)
    changes: list[tuple[int, Rating | None]] = field(default_factory=list)
    remaining: int = 0
    dialog: str = ""

    def current(self) -> TriageTurn | None:
        """Return the turn that is shown, read from the store where it is needed; None where there is no further one."""
        if self.position >= len(self.turns):
            places = [turn.place for turn in self.turns]
            queue = self.labels.queue(self.reviewer, _AHEAD, second=self.second, skip=places)
            self.turns += queue.turns
            self.remaining = queue.remaining
        return self.turns[self.position] if self.position < len(self.turns) else None

    def label(self, name: str) -> None:
        """Give the shown turn a label of the maxim, and go on to the next one."""
        turn = self.turns[self.position]
        before = self.own_label(turn)
        note = self.notes.pop(self.position, before.note if before else None)
        with recorded(self.store, "label", "label", **_where(turn), label=name):
            Workspace(self.store).label(turn.judged, name, reviewer=self.reviewer, note=note)
        self.changes.append((self.position, before))
        self.position += 1

    def move(self, step: int) -> None:
        """Go on to the next turn (1) without a label, or back to the one before (-1)."""
        self.position = min(max(0, self.position + step), len(self.turns))

    def undo(self) -> None:
        """Take the last label back, and show its turn; the note stays."""
        position, before = self.changes.pop()
        turn, rating = self.turns[position].judged, self.own_label(self.turns[position])
        if before is None:
            if rating is not None and rating.note:
                self.notes[position] = rating.note
            with recorded(self.store, "label", "remove label", **_where(self.turns[position])):
                Workspace(self.store).remove_label(turn, reviewer=self.reviewer)
        else:
            note = before.note if rating is None else rating.note
            with recorded(self.store, "label", "label", **_where(self.turns[position]), label=before.label):
                keep_turn_rating(self.store, turn.number, replace(before, note=note))
        self.position = position

    def open_dialog(self, name: str) -> None:
        """Open the dialog `note` or `theme`."""
        self.dialog = name

    def note(self) -> str:
        """Return what the person wrote about the shown turn."""
        rating = self.own_label(self.turns[self.position])
        return self.notes.get(self.position, rating.note if rating and rating.note else "")

    def write_note(self, text: str) -> None:
        """Keep a note about the shown turn: with its label, or until it has one."""
        turn = self.turns[self.position]
        rating = self.own_label(turn)
        if rating is None:
            self.notes[self.position] = text
        else:
            label = rating.score if rating.label is None else rating.label
            with recorded(self.store, "label", "write note", **_where(turn)):
                Workspace(self.store).label(turn.judged, label, reviewer=self.reviewer, note=text)

    def themes(self) -> dict[int, str]:
        """Return the names of the run's themes by their numbers: pinned ones first, then the largest."""
        themes = stored_themes(self.store, self.labels.run.id)
        ordered = sorted(themes, key=lambda stored: stored.theme.pinned is None)
        return {stored.number: stored.theme.name for stored in ordered}

    def theme(self) -> int | None:
        """Return the number of the theme that the shown turn is in; None where it is in none.

        None too while the person has not labelled the turn: a theme says that the judge flagged it.
        """
        if self.own_label(self.turns[self.position]) is None:
            return None
        place = self.turns[self.position].place
        for stored in stored_themes(self.store, self.labels.run.id):
            if place in [(member.number, member.turn) for member in stored.theme.members]:
                return stored.number
        return None

    def add_to_theme(self, theme: int) -> str:
        """Put the shown turn into a theme; return why that cannot be, or nothing."""
        try:
            turn = self.turns[self.position]
            with recorded(self.store, "label", "add to theme", **_where(turn), theme=theme):
                Workspace(self.store).add_to_theme(theme, turn.place)
        except ConvexplainError as error:
            return str(error)
        return ""

    def own_label(self, turn: TriageTurn) -> Rating | None:
        """Return the person's own label of a turn; None where there is none."""
        ratings = self._ratings(turn)
        return next((rating for rating in ratings if rating.rater == self.reviewer), None)

    def outcome(self) -> str:
        """Return what the judge and other people said of the last labelled turn, or of the shown one if it has a label.

        Empty where the person has labelled neither.
        """
        current = self.turns[self.position] if self.position < len(self.turns) else None
        for turn in (current, self.turns[self.changes[-1][0]] if self.changes else None):
            if turn is not None and (rating := self.own_label(turn)):
                return self._outcome(turn, rating)
        return ""

    def progress(self) -> LabelProgress:
        """Return how far the labels of the run have come."""
        return self.labels.progress(self.reviewer)

    def _outcome(self, turn: TriageTurn, label: Rating) -> str:
        judged = turn.judged
        name = f"“{one_line(judged.label)}”, " if judged.label else ""
        reason = f" Its reason: {judged.reason}" if judged.reason and judged.reason_quotes != "missing" else ""
        ratings = [rating for rating in self._ratings(turn) if rating.rater != self.reviewer]
        other_people = f" Other people: {rating_summary(ratings)}." if ratings else ""
        where = judged_place(judged.conversation.id, judged.turn, judged.rubric)
        score = "no score" if judged.score is None else f"{name}{judged.score:.2f} ({self.mark.word})"
        return (
            f"{where}: you said {_word(label)}. The judge gave {score}.{other_people} {REASONS[turn.stratum]}.{reason}"
        )

    def _ratings(self, turn: TriageTurn) -> tuple[Rating, ...]:
        return turn_ratings(self.store, turn.judged.number, turn.judged.turn, turn.judged.rubric.id)


def open_desk(store: RunStore, run: Run, rubric: Rubric, mark: TrustMark, reviewer: str, *, second: bool) -> LabelDesk:
    """Return the turns that a person labels, and the way back to them, for one session."""
    return LabelDesk(store, RunLabels(AnalyzedRun(store, run), rubric), mark, reviewer_of(reviewer), second)


def label_choices(rubric: Rubric) -> tuple[Label, ...]:
    """Return the labels of a rubric, the best first."""
    return tuple(sorted(rubric.labels, key=lambda label: -label.value))


def validate_run(store: RunStore, run: int, rubric: Rubric) -> str:
    """Hold the judge of a run against the labels; return why that cannot be, or nothing."""
    try:
        with recorded(store, "label", "validate judge", run=run, maxim=rubric.id):
            Workspace(store).validate(rubrics=rubric, runs=[run])
    except ConvexplainError as error:
        return str(error)
    return ""


def disagreements(store: RunStore, run: int, rubric: Rubric, limit: int) -> list[RatedTurn]:
    """Return the turns on which judge and people differ, the largest difference first."""
    return rated_turns(store, run, rubric, limit)


def rating_summary(ratings: Sequence[Rating]) -> str:
    """Return the ratings of a turn in one line, each as `rater: label`."""
    return ", ".join(f"{one_line(rating.rater) if rating.rater else 'somebody'}: {_word(rating)}" for rating in ratings)


def _word(rating: Rating) -> str:
    return one_line(rating.label) if rating.label else f"{rating.score:.2f}"


def _where(turn: TriageTurn) -> dict[str, Any]:
    judged = turn.judged
    return {"conversation": judged.number, "turn": judged.turn, "maxim": judged.rubric.id}
