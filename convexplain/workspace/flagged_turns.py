"""The flagged turns of a run, with all that is known about how they fail: what themes are made of."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from convexplain.analysis.themes.theme import CandidateTurn, EarlierEffect, FlaggedTurn, JudgedGroups, Place
from convexplain.errors import UsageError
from convexplain.explain.explanations import evenly_spaced
from convexplain.explain.head_phrases import NOT_LOW, READING_TOO, UNNAMED
from convexplain.explain.strongest_units import earlier_turn_effects, reply_effects
from convexplain.explain.wording import counted
from convexplain.judges.turn_features import turn_clauses
from convexplain.report.trust_marks import NO_BETTER
from convexplain.store import ScoredTurn, newest_attributions, noted_ratings, scored_turns
from convexplain.store.turn_scores import ConversationGroup, TurnScore, conversation_groups, turn_scores
from convexplain.types import Rating, Rubric

from .results import AnalyzedRun

LOWEST = 0.1
"""The share of the lowest scores that are grouped where no score may be held against a threshold."""

_MOST = 2000  # flagged turns that are grouped: the time and memory grow with their square
_CANDIDATES = 4000  # turns among which groups that score low together are looked for
_GOOD = 200  # good turns that flagged ones are compared with


@dataclass(frozen=True)
class RunTurns:
    """The scored turns of a run, from which those that failed are taken.

    Attributes:
        run: the run.
        lowest: on maxims whose scores only sort turns, this share of the lowest scores counts as flagged; None takes
            a tenth where no maxim of the run may flag, and leaves these maxims out elsewhere.
        conversations: the turns of these are needed, by their numbers in the store; None takes all. Other turns are
            read too where the lowest share is one of all turns.
    """

    run: AnalyzedRun
    lowest: float | None = None
    conversations: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if self.lowest is not None and not 0 < self.lowest <= 1:
            raise UsageError(f"lowest={self.lowest} is not valid; give a share of turns in (0, 1], e.g. 0.1")

    @cached_property
    def rubrics(self) -> dict[str, Rubric]:
        """Return the maxims that count, by their ids: first those that flag."""
        better = [rubric for rubric in self.run.rubrics if rubric.id not in self._no_better]
        rubrics = sorted(better, key=lambda rubric: not self.run.marks[rubric.id].flags)
        flagging = any(self.run.marks[rubric.id].flags for rubric in rubrics)
        sorts = self.lowest is not None or not flagging
        return {rubric.id: rubric for rubric in rubrics if sorts or self.run.marks[rubric.id].flags}

    @property
    def _no_better(self) -> list[str]:
        """Return the maxims on which the judge is no better than chance: their low scores are no failures."""
        return [rubric.id for rubric in self.run.rubrics if self.run.marks[rubric.id].word == NO_BETTER]

    @cached_property
    def scores(self) -> dict[Place, list[TurnScore]]:
        """Return the scores of each turn, the lowest first."""
        scores: dict[Place, list[TurnScore]] = {}
        ranks = any(not self.run.marks[rubric].flags for rubric in self.rubrics)
        conversations = None if ranks else self.conversations
        for score in turn_scores(self.run.store, self.run.id, list(self.rubrics), conversations):
            scores.setdefault((score.number, score.turn), []).append(score)
        return scores

    @cached_property
    def failures(self) -> dict[Place, list[TurnScore]]:
        """Return the scores by which turns are flagged, the turn that is furthest below a threshold first."""
        failing: dict[Place, list[TurnScore]] = {}
        for rubric in self.rubrics:
            scores = [score for turn in self.scores.values() for score in turn if score.rubric == rubric]
            if self.run.marks[rubric].flags:
                chosen = [score for score in scores if score.margin < 0]
            else:
                ranked = sorted(scores, key=lambda score: (score.score, score.place))
                chosen = ranked[: max(1, round((self.lowest or LOWEST) * len(ranked)))]
            for score in chosen:
                failing.setdefault((score.number, score.turn), []).append(score)
        for place in self._called_bad:
            failing.setdefault(place, self._noted_score(place))
        ranked_turns = sorted(failing.items(), key=lambda turn: min(score.margin for score in turn[1]))
        return {place: sorted(scores, key=lambda score: score.score) for place, scores in ranked_turns}

    @cached_property
    def notes(self) -> dict[Place, list[Rating]]:
        """Return people's ratings with a note, by the turn."""
        return noted_ratings(self.run.store, self.run.id)

    @property
    def _called_bad(self) -> list[Place]:
        """Return the scored turns that reviewers called bad in a note."""
        return [
            place for place, ratings in self.notes.items() if place in self.scores and any(map(self._is_bad, ratings))
        ]

    def _noted_score(self, place: Place) -> list[TurnScore]:
        """Return the score on the maxim of a note that calls the turn bad; the lowest one where that has none."""
        noted = {rating.rubric for rating in self.notes[place] if self._is_bad(rating)}
        return ([score for score in self.scores[place] if score.rubric in noted] or self.scores[place])[:1]

    def score_of(self, place: Place) -> TurnScore:
        """Return the score that a turn is grouped, explained and shown for: the lowest by which it is flagged."""
        return (self.failures.get(place) or self.scores[place])[0]

    def _is_bad(self, rating: Rating) -> bool:
        rubric = next((rubric for rubric in self.run.rubrics if rubric.id == rating.rubric), None)
        return rubric is not None and rating.score < rubric.threshold

    @property
    def flagged(self) -> list[Place]:
        """Return the turns that are grouped, the furthest below first; at most 2,000."""
        return list(self.failures)[:_MOST]

    @property
    def basis(self) -> str:
        """Return the sentence that says which turns are grouped."""
        flags = [rubric for rubric in self.rubrics if self.run.marks[rubric].flags]
        sorts = [rubric for rubric in self.rubrics if rubric not in flags]
        parts = [f"below the threshold on {_listed(flags)}"] if flags else []
        if sorts:
            share = f"{100 * (self.lowest or LOWEST):.3g} %"
            parts.append(f"among the lowest {share} of the scores on {_listed(sorts)}, whose scores only sort turns")
        if self._called_bad:
            parts.append("that reviewers called bad")
        if not parts:
            return "No turns are grouped."
        return f"Grouped are the turns {', and those '.join(parts)}."

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return sentences about maxims and turns that are left out."""
        remarks = []
        if self.run.sample is not None:
            remarks.append(
                f"The run has judged {self.run.sample.words()}: counts and shares are of the sampled turns, each "
                "counted once."
            )
        if self._no_better:
            names = _listed(self._no_better)
            remarks.append(f"Left out are the scores on {names}: the judge is {NO_BETTER} there.")
        if (more := len(self.failures) - _MOST) > 0:
            remarks.append(f"Only the {_MOST:,} worst turns are grouped; {counted(more, 'more turn')} failed.")
        return tuple(remarks)

    def groups(self) -> JudgedGroups:
        """Return what themes are compared with: the counts of all scored turns, and good ones."""
        kinds = self._kinds
        places = Counter(kinds[number] for number, _ in self.scores if number in kinds)
        by_source, by_bot = Counter[str](), Counter[str]()
        for kind, count in places.items():
            by_source[kind.source] += count
            by_bot[kind.bot] += count
        moments = sorted(kind.began_at for kind in kinds.values() if kind.began_at is not None)
        middle = moments[len(moments) // 2] if moments else None
        dated = [(kind.began_at, count) for kind, count in places.items() if kind.began_at is not None]
        earlier = sum(count for began_at, count in dated if middle is not None and began_at < middle)
        later = sum(count for _, count in dated) - earlier
        good = self.turns(self._good)
        return JudgedGroups(len(self.scores), dict(by_source), dict(by_bot), earlier, later, middle, good)

    @property
    def _good(self) -> list[Place]:
        """Return turns of the better half of those that are not flagged."""
        passing = [(place, scores[0].score) for place, scores in self.scores.items() if place not in self.failures]
        ranked = sorted(passing, key=lambda turn: (-turn[1], turn[0]))
        half = [place for place, _ in ranked[: (len(ranked) + 1) // 2]]
        return evenly_spaced(half, _GOOD)

    @cached_property
    def _kinds(self) -> Mapping[int, ConversationGroup]:
        return conversation_groups(self.run.store, self.run.id)

    def candidates(self) -> list[CandidateTurn]:
        """Return the turns among which themes are looked for: the flagged ones, and evenly spaced others; up to 4,000.

        Whole conversations are left out: what a reply does says nothing of them.
        """
        flagged = frozenset(self.flagged)
        others = [place for place in sorted(self.scores) if place not in self.failures]
        places = [*self.flagged, *evenly_spaced(others, _CANDIDATES - len(flagged))]
        candidates = [
            CandidateTurn(turn, self._turn_level(turn.place), turn.place in flagged) for turn in self.turns(places)
        ]
        return [candidate for candidate in candidates if candidate.scores]

    def _turn_level(self, place: Place) -> dict[str, float]:
        """Return the scores of a turn on maxims of turns."""
        scores = self.scores[place]
        return {score.rubric: score.score for score in scores if not self.rubrics[score.rubric].of_conversation}

    def turns(self, places: Sequence[Place]) -> list[FlaggedTurn]:
        """Return turns with all that is known about them, in this order; those without a score are left out."""
        failing = {
            place: self.failures.get(place) or self.scores[place][:1] for place in places if place in self.scores
        }
        judged = self.judged(score for scores in failing.values() for score in scores)
        return [self._turn(place, scores, judged) for place, scores in failing.items()]

    def judged(self, scores: Iterable[TurnScore]) -> dict[int, ScoredTurn]:
        """Return the judged turns of scores, with texts and reasons, by the numbers of the judgements."""
        by_rubric: dict[str, list[int]] = {}
        for score in scores:
            by_rubric.setdefault(score.rubric, []).append(score.place)
        return {
            place: turn
            for rubric, numbers in by_rubric.items()
            for place, turn in zip(numbers, scored_turns(self.run.store, self.rubrics[rubric], numbers), strict=True)
        }

    def _turn(self, place: Place, scores: Sequence[TurnScore], judged: Mapping[int, ScoredTurn]) -> FlaggedTurn:
        turns = [judged[score.place] for score in scores]
        conversation, (number, index) = turns[0].conversation, place
        stored = (newest_attributions(self.run.store, self.run.id, turn) for turn in turns)
        explained = next((levels for levels in stored if levels), [])
        text = conversation.turns[index].content
        lowering = [level for level in explained if level.side == -1]  # of a good score parts are sought that raise it
        words = (effect.unit.of(text) for effect in reply_effects(lowering, index))
        all_turns = [replace(level, side=-1) for level in explained]  # earlier turns have effects of both signs
        earlier = tuple(
            EarlierEffect(effect.unit.turn, effect.effect) for effect in earlier_turn_effects(all_turns, index)
        )
        kind = self._kinds.get(number, ConversationGroup(conversation.source, "", None))
        return FlaggedTurn(
            number=number,
            conversation=conversation,
            turn=index,
            score=scores[0].score,
            rubrics=tuple(score.rubric for score in scores),
            reasons=tuple(reason for turn in turns if (reason := _reason(turn))),
            notes=tuple(rating.note for rating in self.notes.get(place, ()) if rating.note),
            clauses=turn_clauses(conversation.turns[: index + 1]),
            words=tuple(words),
            earlier=earlier if explained else None,
            source=kind.source,
            bot=kind.bot,
            began_at=kind.began_at,
        )


def _reason(turn: ScoredTurn) -> str:
    """Return a judge's reason; empty where it quotes words that are not there or not the reply's, or names nothing."""
    reason = turn.reason or ""
    if turn.reason_quotes in ("missing", "earlier_reply") or reason in (NOT_LOW, UNNAMED):
        return ""
    return reason.removesuffix(READING_TOO)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
