"""Makes heads: from labelled turns over the model's hidden states to a linear layer with its card."""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement import Draws, LabelledTurn, Statistic, auc, halves, partial_spearman, spearman
from convexplain.agreement.labelled import Preference, last_answer
from convexplain.errors import ModelError, TooLongError, UnavailableError, first_error
from convexplain.fidelity import Estimate
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel
from convexplain.types import Conversation, Rubric

from .head_training import FEWEST, Examples, Fitted, Floats, fit
from .heads import Head, features_request, question_of, weights_of

RECIPE = "mean@0.6"
"""The mean over the response's tokens of the layer at six tenths of the depth: of what was tried it agreed best with
people on sets that were not trained on (docs/heads.md)."""

Place = tuple[Conversation, int]


@dataclass(frozen=True, slots=True)
class Source:
    """Labels that a head learns from; scores of two sources are never compared.

    Attributes:
        name: what the card calls it.
        turns: labelled turns, each once.
        pairs: pairs of answers of which people preferred one.
    """

    name: str
    turns: Sequence[LabelledTurn] = ()
    pairs: Sequence[Preference] = ()

    @property
    def places(self) -> list[Place]:
        """Every turn that is in it, each once."""
        sides = [(side, last_answer(side)) for pair in self.pairs for side in (pair.chosen, pair.rejected)]
        return list(
            dict.fromkeys(
                [
                    *((turn.conversation, turn.turn) for turn in self.turns),
                    *((side, turn) for side, turn in sides if turn is not None),
                ]
            )
        )


async def turn_features(
    calls: Calls, places: Sequence[Place], recipe: str = RECIPE, on_turn: Callable[[], None] = lambda: None
) -> tuple[dict[Place, tuple[float, ...]], dict[str, int]]:
    """What a model's hidden states say of turns; the oldest turns are left out where the window is too small.

    Args:
        calls: the model; what its cache holds is not asked again.
        places: conversations, and the index of a turn in each.
        recipe: which numbers.
        on_turn: called after each turn.

    Returns:
        The numbers of each turn that has some, and how many turns have none for which reason.

    Raises:
        UnavailableError: the model is gone.
    """
    room = asyncio.Semaphore(4 * calls.model.batch * calls.model.in_flight)
    found: dict[Place, tuple[float, ...]] = {}
    failed: dict[str, int] = {}

    async def one(place: Place) -> None:
        conversation, turn = place
        turns = conversation.turns[: turn + 1]
        reason = "" if turns[-1].content.strip() else "the response is empty"
        async with room:
            while not reason:
                try:
                    found[place] = (await calls.ask(features_request(turns, recipe))).features or ()
                    break
                except UnavailableError:
                    raise
                except TooLongError as error:
                    reason = str(error) if len(turns) == 1 else ""
                    turns = turns[max(1, len(turns) // 2) :]
                except ModelError as error:
                    reason = str(error)
        if reason:
            failed[reason] = failed.get(reason, 0) + 1
        on_turn()

    try:
        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(one(place))
    except BaseExceptionGroup as errors:
        raise first_error(errors) from errors
    return found, failed


def examples(
    sources: Sequence[Source],
    features: Mapping[Place, Sequence[float]],
    group: Callable[[Conversation], Hashable],
) -> tuple[Examples, list[Place]]:
    """Labelled turns as numbers, those without features left out, and which turns they are."""
    rows: list[Place] = []
    scores: list[float] = []
    sets: list[str] = []
    pairs: list[tuple[int, int]] = []
    for source in sources:
        human = {(turn.conversation, turn.turn): turn.human for turn in source.turns}
        places = [place for place in source.places if place in features]
        at = {place: len(rows) + i for i, place in enumerate(places)}
        rows += places
        scores += [human.get(place, float("nan")) for place in places]
        sets += [source.name] * len(places)
        for pair in source.pairs:
            sides = [(side, last_answer(side) or 0) for side in (pair.chosen, pair.rejected)]
            if sides[0] in at and sides[1] in at:
                pairs.append((at[sides[0]], at[sides[1]]))
    width = len(next(iter(features.values()), ()))
    numbers = np.array([features[place] for place in rows], dtype=np.float64).reshape(len(rows), width)
    groups = [group(conversation) for conversation, _ in rows]
    both = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return Examples(numbers, np.array(scores, dtype=np.float64), sets, groups, both), rows


def make_head(
    rubric: Rubric,
    model: ChatModel,
    sources: Sequence[Source],
    features: Mapping[Place, Sequence[float]],
    group: Callable[[Conversation], Hashable],
    *,
    recipe: str = RECIPE,
    start: Head | None = None,
    card: Mapping[str, Any] | None = None,
) -> Head:
    """Fits a head and writes its card: how far it agrees with people on dialogues that were left out of a fit.

    Args:
        rubric: what the labels answer.
        model: whose features they are.
        sources: the labels.
        features: of the turns.
        group: the dialogue of a conversation.
        recipe: which features they are.
        start: a head that this one is to correct; it must read the same features.
        card: what else the card says (licence, unseen sets).

    Raises:
        UsageError: there are too few labels, too few dialogues, or people said the same of every turn.
    """
    numbers, rows = examples(sources, features, group)
    fitted = fit(numbers, start=None if start is None else np.array(start.weights))
    said = card_of(rubric, sources, numbers, rows, fitted)
    whole = {**said, "started_from": start.sha if start else None, **(card or {})}
    question = question_of(rubric)
    return Head(rubric.id, question, weights_of(model), recipe, tuple(fitted.weights.tolist()), fitted.bias, whole)


def card_of(
    rubric: Rubric, sources: Sequence[Source], numbers: Examples, rows: Sequence[Place], fitted: Fitted
) -> dict[str, Any]:
    """What a head was trained on, and its agreement with people on held-out dialogues, each source by itself."""
    held: dict[str, Any] = {}
    for source in sources:
        mine = np.array([one == source.name for one in numbers.sets], dtype=bool)
        held[source.name] = {
            "turns": int(np.isfinite(numbers.scores[mine]).sum()),
            "dialogues": len({numbers.groups[i] for i in np.flatnonzero(mine).tolist()}),
            "pairs": int(mine[numbers.pairs[:, 0]].sum()) if len(numbers.pairs) else 0,
            **_measures(rubric, numbers, rows, fitted.held_out, mine),
        }
    first = next((f"{name}: {_told(found)}" for name, found in held.items()), "")
    return {
        "summary": f"on held-out dialogues of {first}" if first else "",
        "date": datetime.now(UTC).date().isoformat(),
        "cross_validation": "5 folds, no dialogue in two of them; the strength is chosen on the same folds",
        "strength": fitted.strength,
        "tried": {f"{strength:.2g}": round(value, 4) for strength, value in fitted.tried.items()},
        "held_out": held,
    }


def _measures(
    rubric: Rubric, numbers: Examples, rows: Sequence[Place], held: Floats, mine: NDArray[np.bool_]
) -> dict[str, Any]:
    """Agreement of held-out values with people on one source, with what length and turn number reach."""
    found: dict[str, Any] = {}
    scored: list[int] = np.flatnonzero(mine & np.isfinite(numbers.scores)).tolist()
    if len(scored) >= FEWEST:
        humans, values = numbers.scores[scored], held[scored]
        words = np.array([float(len(rows[i][0].turns[rows[i][1]].content.split())) for i in scored])
        place = np.array([float(rows[i][1]) for i in scored])
        draws = Draws([numbers.groups[i] for i in scored])
        good, rule = halves(humans, rubric.threshold)
        wanted: dict[str, Statistic] = {
            "spearman": spearman(values, humans),
            "auc": auc(values, good),
            "spearman_given_length_and_turn": partial_spearman(values, humans, [np.log1p(words), place]),
            "spearman_of_length": spearman(words, humans),
            "spearman_of_turn_number": spearman(place, humans),
        }
        found |= {name: _rounded(draws.estimate(statistic)) for name, statistic in wanted.items()}
        found["good"] = rule
    pairs = numbers.pairs[mine[numbers.pairs[:, 0]]] if len(numbers.pairs) else numbers.pairs
    if len(pairs):
        gaps = held[pairs[:, 0]] - held[pairs[:, 1]]
        right = (gaps > 0) + (gaps == 0) / 2.0
        lengths = [[float(len(rows[i][0].turns[rows[i][1]].content.split())) for i in pair] for pair in pairs.tolist()]
        longer = np.array([(a > b) + (a == b) / 2.0 for a, b in lengths])
        draws = Draws([numbers.groups[i] for i in pairs[:, 0].tolist()])
        for name, values in (("right_pairs", right), ("longer_is_preferred", longer)):
            found[name] = _rounded(draws.estimate(_mean(values)))
    return found


def _mean(values: Floats) -> Statistic:
    return lambda weights: (weights * values).sum(axis=1) / weights.sum(axis=1)


def _rounded(estimate: Estimate) -> dict[str, Any]:
    return {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in asdict(estimate).items()
        if value is not None
    }


def _told(found: Mapping[str, Any]) -> str:
    for name, words in (("spearman", "Spearman {value:.2f}"), ("right_pairs", "{value:.0%} of pairs right")):
        one = found.get(name)
        if one and "value" in one:
            interval = f" [{one['low']:.2f}, {one['high']:.2f}]" if "low" in one else ""
            return words.format(**one) + interval + f", n = {one['n']}"
    return "nothing could be measured"
