"""Training of heads: from labelled turns and a model's hidden states to a linear layer with its card."""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convexplain.agreement import Draws, LabelledTurn, Statistic, auc, partial_spearman, positive_rows, spearman
from convexplain.agreement.labels import PreferenceLabel, last_answer
from convexplain.errors import ModelError, TooLongError, UnavailableError, first_error
from convexplain.fidelity import Estimate
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel
from convexplain.types import Conversation, Rubric

from .head_fit import MIN_EXAMPLES, Examples, Floats, LinearFit, fit
from .heads import Head, features_request, head_features, question_of, weights_of

RECIPE = "mean@0.6"
"""The mean over the response's tokens of the layer at six tenths of the depth: of those in docs/heads.md it agreed
best with people on sets that were not trained on."""

TurnKey = tuple[Conversation, int]
"""A conversation, and the index of a turn in it."""


@dataclass(frozen=True, slots=True)
class TrainingSource:
    """Labels that a head learns from; scores of two sources are never compared.

    Attributes:
        name: its name in the card.
        turns: labelled turns, each once.
        pairs: pairs of answers of which people preferred one.
    """

    name: str
    turns: Sequence[LabelledTurn] = ()
    pairs: Sequence[PreferenceLabel] = ()

    @property
    def turn_keys(self) -> list[TurnKey]:
        """Return all its turns, each once."""
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
    calls: Calls, turn_keys: Sequence[TurnKey], recipe: str = RECIPE, on_turn: Callable[[], None] = lambda: None
) -> tuple[dict[TurnKey, tuple[float, ...]], dict[str, int]]:
    """Return what heads read of turns: plain numbers, and a model's hidden states (which are kept in its cache).

    Args:
        calls: the model; it is not asked again for features that its cache holds.
        turn_keys: the turns.
        recipe: which features, as `Request.features` takes them.
        on_turn: called after each turn.

    Returns:
        The features of each turn that has some, and for each reason the number of turns without features.

    Raises:
        UnavailableError: the model is gone.
    """
    room = asyncio.Semaphore(4 * calls.model.batch * calls.model.in_flight)
    features: dict[TurnKey, tuple[float, ...]] = {}
    failed: dict[str, int] = {}

    async def read(key: TurnKey) -> None:
        conversation, turn = key
        turns = conversation.turns[: turn + 1]
        reason = "" if turns[-1].content.strip() else "the reply is empty"
        async with room:
            while not reason:
                try:
                    states = (await calls.ask(features_request(turns, recipe))).features or ()
                    features[key] = head_features(conversation.turns[: turn + 1], states)
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
            for key in turn_keys:
                group.create_task(read(key))
    except BaseExceptionGroup as errors:
        raise first_error(errors) from errors
    return features, failed


def examples(
    sources: Sequence[TrainingSource],
    features: Mapping[TurnKey, Sequence[float]],
    group: Callable[[Conversation], Hashable],
) -> tuple[Examples, list[TurnKey]]:
    """Return labelled turns as numbers, and the turn of each row; turns without features are left out."""
    rows: list[TurnKey] = []
    scores: list[float] = []
    sets: list[str] = []
    pairs: list[tuple[int, int]] = []
    for source in sources:
        human = {(turn.conversation, turn.turn): turn.human for turn in source.turns}
        keys = [key for key in source.turn_keys if key in features]
        row_of = {key: len(rows) + i for i, key in enumerate(keys)}
        rows += keys
        scores += [human.get(key, float("nan")) for key in keys]
        sets += [source.name] * len(keys)
        for pair in source.pairs:
            sides = [(side, last_answer(side) or 0) for side in (pair.chosen, pair.rejected)]
            if sides[0] in row_of and sides[1] in row_of:
                pairs.append((row_of[sides[0]], row_of[sides[1]]))
    width = len(next(iter(features.values()), ()))
    numbers = np.array([features[key] for key in rows], dtype=np.float64).reshape(len(rows), width)
    groups = [group(conversation) for conversation, _ in rows]
    pair_rows = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return Examples(numbers, np.array(scores, dtype=np.float64), sets, groups, pair_rows), rows


def make_head(
    rubric: Rubric,
    model: ChatModel,
    sources: Sequence[TrainingSource],
    features: Mapping[TurnKey, Sequence[float]],
    group: Callable[[Conversation], Hashable],
    *,
    recipe: str = RECIPE,
    start: Head | None = None,
    card: Mapping[str, Any] | None = None,
) -> Head:
    """Fit a head and write its card: how far it agrees with people on dialogues that were left out of a fit.

    Args:
        rubric: the rubric that the labels are about.
        model: the model that gave the features.
        sources: the labels.
        features: the features of the turns.
        group: returns the dialogue of a conversation.
        recipe: the recipe of the features.
        start: a head to correct; it must read the same features.
        card: further fields of the card (licence, unseen sets).

    Raises:
        UsageError: there are too few labels, too few dialogues, or people gave every turn the same label.
    """
    numbers, rows = examples(sources, features, group)
    layer = fit(numbers, start=None if start is None else np.array(start.weights))
    measured = _card(rubric, sources, numbers, rows, layer)
    full_card = {**measured, "started_from": start.sha if start else None, **(card or {})}
    question = question_of(rubric)
    return Head(rubric.id, question, weights_of(model), recipe, tuple(layer.weights.tolist()), layer.bias, full_card)


def _card(
    rubric: Rubric, sources: Sequence[TrainingSource], numbers: Examples, rows: Sequence[TurnKey], layer: LinearFit
) -> dict[str, Any]:
    """Return the training data of a head, and its agreement with people on held-out dialogues, for each source."""
    held_out: dict[str, Any] = {}
    for source in sources:
        members = np.array([name == source.name for name in numbers.sets], dtype=bool)
        held_out[source.name] = {
            "turns": int(np.isfinite(numbers.scores[members]).sum()),
            "dialogues": len({numbers.groups[i] for i in np.flatnonzero(members).tolist()}),
            "pairs": int(members[numbers.pairs[:, 0]].sum()) if len(numbers.pairs) else 0,
            **_measures(rubric, numbers, rows, layer.held_out, members),
        }
    first = next((f"{name}: {_summary(measures)}" for name, measures in held_out.items()), "")
    return {
        "summary": f"on held-out dialogues of {first}" if first else "",
        "date": datetime.now(UTC).date().isoformat(),
        "cross_validation": "5 folds, no dialogue in two of them; the strength is chosen on the same folds",
        "strength": layer.strength,
        "tried": {f"{strength:.2g}": round(agreement, 4) for strength, agreement in layer.agreements.items()},
        "held_out": held_out,
    }


def _measures(
    rubric: Rubric, numbers: Examples, rows: Sequence[TurnKey], held_out: Floats, members: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return the agreement of held-out values with people on one source, beside that of length and turn number."""
    measures: dict[str, Any] = {}
    scored: list[int] = np.flatnonzero(members & np.isfinite(numbers.scores)).tolist()
    if len(scored) >= MIN_EXAMPLES:
        humans, values = numbers.scores[scored], held_out[scored]
        words = np.array([float(len(rows[i][0].turns[rows[i][1]].content.split())) for i in scored])
        turn_numbers = np.array([float(rows[i][1]) for i in scored])
        draws = Draws([numbers.groups[i] for i in scored])
        good, rule = positive_rows(humans, rubric.threshold)
        statistics: dict[str, Statistic] = {
            "spearman": spearman(values, humans),
            "auc": auc(values, good),
            "spearman_given_length_and_turn": partial_spearman(values, humans, [np.log1p(words), turn_numbers]),
            "spearman_of_length": spearman(words, humans),
            "spearman_of_turn_number": spearman(turn_numbers, humans),
        }
        measures |= {name: _round(draws.estimate(statistic)) for name, statistic in statistics.items()}
        measures["good"] = rule
    pairs = numbers.pairs[members[numbers.pairs[:, 0]]] if len(numbers.pairs) else numbers.pairs
    if len(pairs):
        gaps = held_out[pairs[:, 0]] - held_out[pairs[:, 1]]
        right = (gaps > 0) + (gaps == 0) / 2.0
        lengths = [[float(len(rows[i][0].turns[rows[i][1]].content.split())) for i in pair] for pair in pairs.tolist()]
        longer = np.array([(a > b) + (a == b) / 2.0 for a, b in lengths])
        draws = Draws([numbers.groups[i] for i in pairs[:, 0].tolist()])
        for name, values in (("right_pairs", right), ("longer_is_preferred", longer)):
            measures[name] = _round(draws.estimate(_mean(values)))
    return measures


def _mean(values: Floats) -> Statistic:
    return lambda weights: (weights * values).sum(axis=1) / weights.sum(axis=1)


def _round(estimate: Estimate) -> dict[str, Any]:
    return {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in asdict(estimate).items()
        if value is not None
    }


def _summary(measures: Mapping[str, Any]) -> str:
    for name, words in (("spearman", "Spearman {value:.2f}"), ("right_pairs", "{value:.0%} of pairs right")):
        measure = measures.get(name)
        if measure and "value" in measure:
            interval = f" [{measure['low']:.2f}, {measure['high']:.2f}]" if "low" in measure else ""
            return words.format(**measure) + interval + f", n = {measure['n']}"
    return "nothing could be measured"
