"""Numbers of a turn that know nothing of its meaning: a judge that does no better has not read it."""

import re
from collections.abc import Callable, Mapping

from .planting import PlantedTurn

_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)")

BASELINES: Mapping[str, Callable[[PlantedTurn], float]] = {
    "words": lambda turn: len(turn.text.split()),
    "characters": lambda turn: len(turn.text),
    "position": lambda turn: turn.turn,
    "digits": lambda turn: sum(character.isdigit() for character in turn.text),
    "marks": lambda turn: turn.text.count("!") + turn.text.count("?"),
    "capitals": lambda turn: sum(character.isupper() for character in turn.text),
    "sentences": lambda turn: max(1, len(_SENTENCE_END.findall(turn.text))),
}
"""The numbers by their names; `marks` are exclamation and question marks."""


def baselines(turn: PlantedTurn) -> dict[str, float]:
    """Return the numbers of a turn by their names."""
    return {name: float(number(turn)) for name, number in BASELINES.items()}
