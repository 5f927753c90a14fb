"""Calls of a model that repeat their history: the conversations that they belong to, with each turn once."""

from collections.abc import Sequence
from dataclasses import dataclass

from .parse_results import ParsedTurn
from .reasoning_marks import without_marked
from .roles import role_of

_LATEST = 50
"""Conversations of one thread, the latest ones, that a call may continue."""

_Key = tuple[str, str]


@dataclass(slots=True)
class _Chain:
    """One conversation so far: its system texts, its turns, the keys by which turns are compared, and whether its calls
    hold new turns only, without the history.
    """

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
    """Return the conversations that calls make up.

    A call that repeats a conversation, or its end, continues it. A call that repeats nothing continues the latest
    conversation if both belong to one thread, have the same system text, and the call holds no answers in its own
    history. Any other call begins a conversation: another branch, or another purpose.

    Args:
        calls: the inputs and outputs of each call, oldest first.
        threaded: whether the log says that they are of one conversation.
    """
    chains: list[_Chain] = []
    for inputs, outputs in (_split_history(*call) for call in calls):
        start = next((at for at, turn in enumerate(inputs) if _role(turn) != "system"), len(inputs))
        system, messages = inputs[:start], inputs[start:]
        keys = [_key(turn) for turn in messages]
        all_keys = keys + [_key(turn) for turn in outputs]
        latest = chains[: -_LATEST - 1 : -1]
        repeated = any(chain.keys[: len(all_keys)] == all_keys and _same_system(chain, system) for chain in latest)
        if repeated and not (threaded and latest[0].loose):
            continue  # a call inside another, or its beginning
        if (continuation := _continuation(latest, system, keys)) is not None:
            chain, overlap = continuation
            chain.system = chain.system or system
            chain.add([*messages[overlap:], *outputs])
        elif threaded and latest and _continues(latest[0], system, messages, keys):
            latest[0].loose = True
            latest[0].add([*messages, *outputs])
        else:
            chain = _Chain(system, [], [])
            chain.add([*messages, *outputs])
            chains.append(chain)
    return [[*chain.system, *chain.turns] for chain in chains]


def _split_history(inputs: list[ParsedTurn], outputs: list[ParsedTurn]) -> tuple[list[ParsedTurn], list[ParsedTurn]]:
    """Return inputs and outputs, with the history moved to the inputs where the output repeats it (a graph's state)."""
    last = next((at for at in range(len(outputs) - 1, -1, -1) if _role(outputs[at]) == "user"), None)
    if last is None:
        return inputs, outputs
    repeated = outputs[: last + 1]
    messages = [turn for turn in inputs if _role(turn) != "system"]
    if [*map(_key, repeated[-len(messages) :])] == [*map(_key, messages)]:
        repeated = [*repeated[: -len(messages)], *messages]  # which may have their times
    system = [turn for turn in inputs if _role(turn) == "system"]
    if not any(_role(turn) == "system" for turn in repeated):
        repeated = [*system, *repeated]
    return repeated, outputs[last + 1 :]


def _continuation(chains: Sequence[_Chain], system: list[ParsedTurn], keys: list[_Key]) -> tuple[_Chain, int] | None:
    """Return the conversation that a call repeats to its end, and the number of repeated turns; None for none."""
    full_matches = [chain for chain in chains if chain.keys and chain.keys == keys[: len(chain.keys)]]
    if full_matches:
        chain = max(full_matches, key=lambda chain: len(chain.keys))
        return chain, len(chain.keys)
    for chain in chains:
        if _same_system(chain, system) and (overlap := _overlap(chain.keys, keys)):
            return chain, overlap
    return None


def _overlap(before: list[_Key], after: list[_Key]) -> int:
    """Return the number of last turns that are the first ones of the following turns."""
    for count in range(min(len(before), len(after)), 0, -1):
        if before[-count] == after[0] and before[-count:] == after[:count]:
            return count
    return 0


def _continues(chain: _Chain, system: list[ParsedTurn], messages: list[ParsedTurn], keys: list[_Key]) -> bool:
    """Return whether a call that repeats nothing may hold the next turns of a conversation."""
    repeats = bool(keys) and chain.keys[: len(keys)] == keys and not chain.loose
    return _same_system(chain, system) and not repeats and all(_role(turn) != "assistant" for turn in messages)


def _same_system(chain: _Chain, system: list[ParsedTurn]) -> bool:
    return not system or not chain.system or [*map(_key, system)] == [*map(_key, chain.system)]


def _role(turn: ParsedTurn) -> str:
    return role_of(turn.speaker) or turn.speaker


def _key(turn: ParsedTurn) -> _Key:
    return _role(turn), " ".join(without_marked(turn.content).split())
