"""The reference set: a fixed choice of conversations in which length and position tell nothing."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias, get_args

from convexplain.errors import UsageError

from .parts import PartReply, Scenario, shipped_scenarios
from .planting import REPEAT, PlantedLog, compose

Half = Literal["choosing", "reporting"]
"""`choosing`: for choosing judges, rubrics and thresholds. `reporting`: for figures that are reported."""
HALVES: tuple[Half, ...] = get_args(Half)

SET_SHAS: Mapping[Half, str] = {
    "choosing": "2cec57db856606d14ddd1b84f4c5e3cea64dafb9ec592d6ffbf94fee7e4865a7",
    "reporting": "e2d6908e46a4756b48a912352db46c3ebc542d59d88f8b13a193a410c73c773b",
}
"""The SHA-256 of each half: figures that were measured on other texts do not count."""

ReplyChoice: TypeAlias = int | str
"""The reply of an exchange: the index of a good one, or the kind of a bad one."""
Choices: TypeAlias = Mapping[str, Sequence[Sequence[ReplyChoice]]]
"""By the scenario's id the replies of each of its conversations."""


@cache
def reference_set(half: Half | None = None) -> PlantedLog:
    """Return the reference set, or one half of it. No scenario is in both halves.

    Each scenario gives two conversations, by its first two rows of slots, whose bad turns are at different exchanges.

    Raises:
        UsageError: there is no such half.
    """
    if half is not None and half not in HALVES:
        raise UsageError(f"half={half!r} is not valid; valid are: {', '.join(HALVES)}")
    scenarios = shipped_scenarios()
    parts = halves(scenarios)
    return chosen_log([scenario for scenario in scenarios if half in (None, parts[scenario.id])], shipped_choices())


def halves(scenarios: Sequence[Scenario]) -> dict[str, Half]:
    """Return the half of each scenario by its id: they alternate within a domain."""
    places: dict[str, int] = {}
    result: dict[str, Half] = {}
    for scenario in scenarios:
        place = places[scenario.domain] = places.get(scenario.domain, -1) + 1
        result[scenario.id] = HALVES[place % 2]
    return result


@cache
def shipped_choices() -> Choices:
    """Return the replies that the reference set is made of, as `benchmarks/reference_choices.py` chose them."""
    text = (files(__package__ or "convexplain.judges.reference") / "choices.json").read_text("ascii")
    choices: Choices = json.loads(text)
    return choices


def chosen_log(scenarios: Sequence[Scenario], choices: Choices) -> PlantedLog:
    """Return the conversations of scenarios by a choice of replies.

    Raises:
        UsageError: a scenario has no choice, or one that its exchanges do not have.
    """
    turns = []
    for scenario in scenarios:
        if scenario.id not in choices:
            raise UsageError(f"scenario {scenario.id!r} has no choice of replies")
        for row, names in enumerate(choices[scenario.id]):
            turns += compose(scenario, row, chosen_replies(scenario, names), f"{scenario.id}-{row + 1}")
    return PlantedLog(tuple(dict.fromkeys(turn.conversation for turn in turns)), tuple(turns))


def chosen_replies(scenario: Scenario, names: Sequence[ReplyChoice]) -> list[PartReply]:
    """Return the replies of a scenario that are named.

    Raises:
        UsageError: an exchange has no such reply.
    """
    replies: list[PartReply] = []
    for exchange, name in zip(scenario.exchanges, names, strict=True):
        options: dict[ReplyChoice, PartReply] = dict(enumerate(exchange.good))
        options |= {reply.kind: reply for reply in exchange.bad}
        if replies:
            options["repeat"] = REPEAT
        if name not in options:
            raise UsageError(f"scenario {scenario.id!r}: {name!r} is no reply of {exchange.user[:40]!r}")
        replies.append(options[name])
    return replies
