"""Calls of a model that each repeat what was said before: to the conversations that they are of, each turn once."""

from collections.abc import Sequence
from dataclasses import dataclass

from .parse_results import ParsedTurn
from .roles import role_of

_LOOK = 50
"""Conversations of one thread, the latest ones, that a call may go on with."""

_Key = tuple[str, str]


@dataclass(slots=True)
class _Chain:
    """One conversation as far as it is known: its system texts, its turns, how turns are compared, and whether its
    calls give new turns alone, without what was said before."""

    system: list[ParsedTurn]
    turns: list[ParsedTurn]
    keys: list[_Key]
    loose: bool = False

    def add(self, turns: Sequence[ParsedTurn]) -> None:
        self.turns += turns
        self.keys += map(_key, turns)


def merge_calls(
    calls: Sequence[tuple[list[ParsedTurn], list[ParsedTurn]]], *, threaded: bool
) -> list[list[ParsedTurn]]:
    """The conversations that calls make up.

    A call that repeats a conversation, or its end, goes on with it. One that repeats nothing goes on with the latest
    conversation if they are of one thread, has the same system text, and gives no answers of its own history. Any
    other is a conversation of its own: another branch, or another purpose.

    Args:
        calls: what was given and what was answered, oldest first.
        threaded: whether the log says that they are of one conversation.
    """
    chains: list[_Chain] = []
    for given, answered in (_apart(*call) for call in calls):
        start = next((at for at, turn in enumerate(given) if _role(turn) != "system"), len(given))
        system, rest = given[:start], given[start:]
        keys = [_key(turn) for turn in rest]
        all_keys = keys + [_key(turn) for turn in answered]
        latest = chains[: -_LOOK - 1 : -1]
        told = any(chain.keys[: len(all_keys)] == all_keys and _fits(chain, system) for chain in latest)
        if told and not (threaded and latest[0].loose):
            continue  # a call inside another, or its beginning
        if (found := _continued(latest, system, keys)) is not None:
            chain, known = found
            chain.system = chain.system or system
            chain.add([*rest[known:], *answered])
        elif threaded and latest and _is_next(latest[0], system, rest, keys):
            latest[0].loose = True
            latest[0].add([*rest, *answered])
        else:
            chain = _Chain(system, [], [])
            chain.add([*rest, *answered])
            chains.append(chain)
    return [[*chain.system, *chain.turns] for chain in chains]


def _apart(given: list[ParsedTurn], answered: list[ParsedTurn]) -> tuple[list[ParsedTurn], list[ParsedTurn]]:
    """What was given and what was answered, where the answer repeats what was given (a graph's state)."""
    last = next((at for at in range(len(answered) - 1, -1, -1) if _role(answered[at]) == "user"), None)
    if last is None:
        return given, answered
    repeated = answered[: last + 1]
    new = [turn for turn in given if _role(turn) != "system"]
    if [*map(_key, repeated[-len(new) :])] == [*map(_key, new)]:
        repeated = [*repeated[: -len(new)], *new]  # which may know when they were said
    system = [turn for turn in given if _role(turn) == "system"]
    if not any(_role(turn) == "system" for turn in repeated):
        repeated = [*system, *repeated]
    return repeated, answered[last + 1 :]


def _continued(chains: Sequence[_Chain], system: list[ParsedTurn], keys: list[_Key]) -> tuple[_Chain, int] | None:
    """The conversation that a call repeats to its end, and how many turns of the call are known from it."""
    whole = [chain for chain in chains if chain.keys and chain.keys == keys[: len(chain.keys)]]
    if whole:
        chain = max(whole, key=lambda chain: len(chain.keys))
        return chain, len(chain.keys)
    for chain in chains:
        if _fits(chain, system) and (overlap := _overlap(chain.keys, keys)):
            return chain, overlap
    return None


def _overlap(before: list[_Key], after: list[_Key]) -> int:
    """How many of the last turns are the first ones of what follows."""
    for count in range(min(len(before), len(after)), 0, -1):
        if before[-count] == after[0] and before[-count:] == after[:count]:
            return count
    return 0


def _is_next(chain: _Chain, system: list[ParsedTurn], rest: list[ParsedTurn], keys: list[_Key]) -> bool:
    """Whether a call that repeats nothing may give the next turns of a conversation."""
    repeats = bool(keys) and chain.keys[: len(keys)] == keys and not chain.loose
    return _fits(chain, system) and not repeats and all(_role(turn) != "assistant" for turn in rest)


def _fits(chain: _Chain, system: list[ParsedTurn]) -> bool:
    return not system or not chain.system or [*map(_key, system)] == [*map(_key, chain.system)]


def _role(turn: ParsedTurn) -> str:
    return role_of(turn.speaker) or turn.speaker


def _key(turn: ParsedTurn) -> _Key:
    return _role(turn), " ".join(turn.content.split())
