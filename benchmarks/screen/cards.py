"""Cards of the screen's heads: what each was trained on, by whose leave, and how far it agrees with people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from planting import PlantedPair
from sets import MaximSet, dialogue

from convexplain.agreement import Draws, auc, format_estimate, spearman
from convexplain.fidelity import Estimate
from convexplain.judges.head_training import TurnKey

_SHARE_ALIKE = (
    "SGD's text is licensed under CC-BY-SA-4.0, Topical-Chat's under CDLA-Sharing-1.0. The weights hold no sentence of "
    "it; we read the licences as covering the text and not the weights. Others may read them differently."
)
_SUMMARY = "A screen: it reads the wording of a turn and of those before it, and knows no facts about the world."
PLANTED_LICENCES = {
    "authored": "the project's own, by its authors",
    "dialogues": "SGD (Rastogi et al. 2020, google-research-datasets/dstc8-schema-guided-dialogue), CC-BY-SA-4.0",
    "answers": "OpenAssistant (Köpf et al. 2023) and PandaLM (Wang et al. 2023), Apache-2.0",
}


@dataclass(frozen=True, slots=True)
class Worth:
    """The agreement of a maxim's heads on turns that they have not learnt from.

    Attributes:
        sets: for each labelled set the agreement with people of a head that learnt from no set of its family, beside
            that of the turns' length.
        planted: for each kind the share of right pairs among hand-written ones, and their number.
    """

    sets: Mapping[str, Mapping[str, Estimate]]
    planted: Mapping[str, tuple[float, int]]


def set_agreement(maxim_set: MaximSet, outputs: Mapping[TurnKey, float]) -> dict[str, Estimate]:
    """Return the agreement of outputs with people, under its name, and that of the turns' length, as `length`.

    It is the share of right pairs (`pairs`), of turns with two labels the AUC (`auc`), else Spearman's correlation
    (`rho`). Intervals are over dialogues.
    """
    words = {(talk, turn): float(len(talk.turns[turn].content.split())) for talk, turn in outputs}
    name, estimate = _agreement(maxim_set, outputs)
    return {name: estimate, "length": _agreement(maxim_set, words)[1]}


def _agreement(maxim_set: MaximSet, outputs: Mapping[TurnKey, float]) -> tuple[str, Estimate]:
    source = maxim_set.labels.source
    if source.pairs:
        sides = [[outputs[side, len(side.turns) - 1] for side in (p.chosen, p.rejected)] for p in source.pairs]
        right = np.array([(chosen > rejected) + (chosen == rejected) / 2 for chosen, rejected in sides])
        draws = Draws([dialogue(pair.chosen) for pair in source.pairs])
        return "pairs", draws.estimate(lambda weights: (weights * right).sum(axis=1) / weights.sum(axis=1))
    turns = [turn for turn in source.turns if (turn.conversation, turn.turn) in outputs]
    values = np.array([outputs[turn.conversation, turn.turn] for turn in turns])
    people = np.array([turn.human for turn in turns])
    draws = Draws([dialogue(turn.conversation) for turn in turns])
    if set(people) <= {0.0, 1.0}:
        return "auc", draws.estimate(auc(values, people == 1))
    return "rho", draws.estimate(spearman(values, people))


def right_pairs(
    pairs: Sequence[PlantedPair], maxim: str, outputs: Mapping[TurnKey, float]
) -> dict[str, tuple[float, int]]:
    """Return by kind the share of planted pairs whose good turn has the higher output, and their number."""
    right: dict[str, list[bool]] = {}
    for pair in pairs:
        if pair.separates(maxim):
            good, bad = (outputs[turn.conversation, turn.turn] for turn in (pair.good, pair.bad))
            right.setdefault(pair.kind, []).append(good > bad)
    return {kind: (round(float(np.mean(hits)), 3), len(hits)) for kind, hits in sorted(right.items())}


def make_card(maxim: str, sets: Sequence[MaximSet], pairs: Sequence[PlantedPair], worth: Worth) -> dict[str, Any]:
    """Return the card of a maxim's head, as JSON values."""
    origins = [pair.origin for pair in pairs if pair.separates(maxim) or pair.agrees(maxim)]
    planted = {f"planted, {origin}": origins.count(origin) for origin in PLANTED_LICENCES if origin in origins}
    trained_on = {s.labels.name: len(s.labels.source.pairs) or len(s.turn_keys) for s in sets}
    licences = {s.labels.name: s.labels.licence for s in sets}
    return {
        "summary": _SUMMARY,
        "model_name": "embedded",
        "date": datetime.now(UTC).date().isoformat(),
        "trained_on": trained_on | planted,
        "licence": licences | {name: PLANTED_LICENCES[name.removeprefix("planted, ")] for name in planted},
        "share_alike": _SHARE_ALIKE,
        "left_out": {name: {key: _figure(value) for key, value in row.items()} for name, row in worth.sets.items()},
        "held_out": {"planted": {kind: {"right_pairs": share, "n": n} for kind, (share, n) in worth.planted.items()}},
    }


def _figure(estimate: Estimate) -> dict[str, Any]:
    return {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in asdict(estimate).items()
        if value is not None
    }


def show_card(maxim: str, card: Mapping[str, Any]) -> None:
    """Print what a head is worth."""
    print(f"{maxim}: {card['summary']}")
    for name, figures in card["left_out"].items():
        line = "  ".join(f"{key} {format_estimate(Estimate(**_estimate(figure)))}" for key, figure in figures.items())
        print(f"  {name:28} {line}")


def _estimate(figure: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, **figure}
