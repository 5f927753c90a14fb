"""Labels in logs: ratings in the metadata of turns, and preference pairs of conversations."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from convexplain.errors import Problem
from convexplain.types import Conversation, Rating

from .labels import LogLabelSettings, OnProblem, PreferenceLabel, last_answer, score_of


class LogLabels:
    """The labels in logs, read as conversations stream through."""

    def __init__(self, settings: LogLabelSettings, on_problem: OnProblem) -> None:
        self._rubrics = {rubric.id: rubric for rubric in settings.rubrics}
        self._rubric_names = {name.casefold(): rubric for name, rubric in settings.rubric_names.items()}
        self._on_problem = on_problem
        self._pairs: dict[tuple[str, str], dict[bool, Conversation]] = {}
        self._reported: Counter[tuple[str, str]] = Counter()

    def ratings(self, conversation: Conversation) -> list[Rating]:
        """Return the ratings of a conversation's turns on the rubrics of the settings."""
        ratings: dict[tuple[int, str, str | None], Rating] = {}
        for i, turn in enumerate(conversation.turns):
            labels = turn.metadata.get("ratings")
            for label in labels if isinstance(labels, list) else []:
                if isinstance(label, dict) and (rating := self._rating(conversation, i, label)) is not None:
                    place = (i, rating.rubric, rating.rater)
                    if place in ratings:
                        reason = f"several labels of one turn on {rating.rubric} by one rater; the last one counts"
                        self._report(conversation, reason)
                    ratings[place] = rating
        return list(ratings.values())

    def add_side(self, conversation: Conversation) -> None:
        """Hold a conversation that is one side of a preference pair."""
        pair, preferred = conversation.metadata.get("pair"), conversation.metadata.get("preferred")
        if isinstance(pair, str) and isinstance(preferred, bool):
            self._pairs.setdefault((conversation.source, pair), {})[preferred] = conversation

    def preferences(self) -> list[PreferenceLabel]:
        """Return the pairs with both sides, each of which has an answer."""
        return [
            PreferenceLabel(sides[True], sides[False])
            for sides in self._pairs.values()
            if len(sides) == 2 and all(last_answer(side) is not None for side in sides.values())
        ]

    def _rating(self, conversation: Conversation, turn: int, fields: Mapping[str, Any]) -> Rating | None:
        name, label, rater = str(fields.get("name") or ""), fields.get("label"), fields.get("rater")
        rubric = self._rubrics.get(self._rubric_names.get(name.casefold()) or fields.get("rubric") or "")
        if rubric is None:
            self._report(conversation, f"labels called {name!r} answer no rubric that is asked for; left out")
            return None
        if conversation.turns[turn].role != "assistant":
            self._report(conversation, f"labels called {name!r} of turns that are not the assistant's are left out")
            return None
        score = fields.get("score")
        if score is None and label is not None:
            score = score_of(rubric, str(label))
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            self._report(conversation, f"labels called {name!r} without a score in [0, 1] are left out")
            return None
        return Rating(
            conversation.id,
            turn,
            rubric.id,
            float(score),
            None if rater is None else str(rater),
            None if label is None else str(label),
        )

    def _report(self, conversation: Conversation, reason: str) -> None:
        """Report a problem once for each file: it is the same for all turns of the file."""
        if not self._reported[conversation.source, reason]:
            self._on_problem(Problem(conversation.source, None, reason, kept=True))
        self._reported[conversation.source, reason] += 1
