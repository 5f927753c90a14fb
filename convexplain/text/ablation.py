"""Ablation: a conversation without some of its units, taken out or replaced. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from convexplain.types import RubricScope, Turn, Unit

from .segmentation import core

PLACEHOLDER = "…"


def without(
    turns: Sequence[Turn],
    removed: Iterable[Unit],
    fills: Mapping[Unit, str] | None = None,
    scope: RubricScope = "turn",
) -> tuple[Turn, ...]:
    """Return the turns without the units; the last one is the judged turn, or all of them are judged.

    A turn that nothing is left of is gone; two neighbours of one role that meet by that become one turn, with a line
    end between them. The judged turn stays a turn of its own, even an empty one.

    Args:
        turns: the conversation up to the judged turn; or all of it.
        removed: units of one level, in any order.
        fills: the text that is put into the place of a unit; a unit that has none here is taken out.
        scope: `turn`: the last turn is judged; `conversation`: all are, and the last one may go as any other.
    """
    by_turn: dict[int, list[Unit]] = {}
    for unit in removed:
        by_turn.setdefault(unit.turn, []).append(unit)
    changed = [
        replace(turn, content=_cut(turn.content, by_turn[i], fills or {})) if i in by_turn else turn
        for i, turn in enumerate(turns)
    ]
    result: list[Turn] = []
    gap = False  # whether the turn before is gone
    end = len(changed) - (scope == "turn")
    for i, turn in enumerate(changed[:end]):
        if i in by_turn and not turn.content:
            gap = True
        elif gap and result and result[-1].role == turn.role:
            result[-1] = replace(result[-1], content=f"{result[-1].content}\n{turn.content}")
            gap = False
        else:
            result.append(turn)
            gap = False
    return (*result, *changed[end:])


def _cut(content: str, units: Iterable[Unit], fills: Mapping[Unit, str]) -> str:
    for unit in sorted(units, key=lambda unit: -unit.start):
        if unit in fills:
            start, end = core(content, unit)
            content = content[:start] + fills[unit] + content[end:]
        else:
            content = content[: unit.start] + content[unit.end :]
    return content.strip()
