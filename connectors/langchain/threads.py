"""The conversations of an application's threads: which turns of a repeated history are new, and which were judged."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from convexplain.connectors.message_objects import is_answer
from convexplain.types import Conversation, Rubric, Turn

Redaction = Callable[[Conversation], Conversation]
"""A function from a conversation to the same conversation without personal data, with as many turns."""

_THREADS = 2000
_BRANCHES = 8
_OVERLAP = 2  # turns in a row that show that a shortened history continues the end of the conversation


@dataclass(slots=True, eq=False)
class ThreadConversation:
    """A conversation of a thread, with its turns so far. Turns are only added, so their indices stay the same.

    Attributes:
        conversation: the conversation so far.
        number: its number in the store; None where it was not stored yet.
        judged: (turn, SHA of the rubric) of all judgements.
        first: earlier turns are not judged: they belong to other conversations.
        order: a lock for judging, so that turns are judged one after the other.
        ancestors: the conversations that it branched off from, each with the number of shared turns.
        redact: changes the conversation before it is judged, stored or flagged; None = no change.
    """

    conversation: Conversation
    number: int | None = None
    judged: set[tuple[int, str]] = field(default_factory=set)
    first: int = 0
    order: asyncio.Lock = field(default_factory=asyncio.Lock)
    ancestors: "tuple[tuple[ThreadConversation, int], ...]" = ()
    redact: Redaction | None = None
    _redacted: tuple[Conversation, Conversation] | None = None

    @property
    def visible(self) -> Conversation:
        """Return the conversation as judges, the store and `on_flag` may see it. Raises what `redact` raises."""
        if self.redact is None:
            return self.conversation
        if self._redacted is None or self._redacted[0] is not self.conversation:
            self._redacted = self.conversation, self.redact(self.conversation)
        return self._redacted[1]

    def to_judge(self, rubrics: Sequence[Rubric], until: int) -> list[tuple[int, list[Rubric]]]:
        """Return the turns before `until` that have to be judged, each with the rubrics that are still open.

        Call it after the thread's earlier histories were judged: only then are the judgements of shared turns known.
        """
        for ancestor, shared in self.ancestors:
            self.judged |= {(turn, sha) for turn, sha in ancestor.judged if turn < shared}
        self.ancestors = ()
        open_turns: list[tuple[int, list[Rubric]]] = []
        for turn in range(self.first, until):
            open_rubrics = [rubric for rubric in rubrics if (turn, rubric.sha) not in self.judged]
            if open_rubrics and is_answer(self.conversation.turns[turn]):
                open_turns.append((turn, open_rubrics))
        return open_turns


class Threads:
    """The conversations of an application's most recent threads.

    A history may have all turns of its thread, only the last ones, or a summary in place of the first ones; its new
    turns are added to the conversation. A history that goes on from an earlier turn, as when an answer is regenerated,
    becomes another conversation, `THREAD#2`, in which the shared turns are not judged again.

    Args:
        source: the conversations' source.
        most: the number of threads that are remembered; in a forgotten thread all turns are new.
        redact: changes the conversations before they are judged, stored or flagged.
    """

    def __init__(self, source: str, most: int = _THREADS, redact: Redaction | None = None) -> None:
        self._source = source
        self._redact = redact
        self._most = most
        self._talks: OrderedDict[str, list[ThreadConversation]] = OrderedDict()

    def add_history(self, thread: str, turns: Sequence[Turn]) -> ThreadConversation:
        """Add a history's new turns to the conversation of the thread that it continues, and return that one."""
        talks = self._talks.setdefault(thread, [])
        self._talks.move_to_end(thread)
        while len(self._talks) > self._most:
            self._talks.popitem(last=False)
        for talk in reversed(talks):
            conversation = talk.conversation
            if (merged := merge(conversation.turns, turns)) is not None:
                if len(merged) > len(conversation.turns):
                    talk.conversation = replace(conversation, turns=merged)
                return talk
        talk = self._branch(thread, talks, turns)
        talks.append(talk)
        del talks[:-_BRANCHES]
        return talk

    def standalone(self, id: str, turns: Sequence[Turn], first_new: int) -> ThreadConversation:
        """Return a conversation that will not grow; turns before `first_new` are not judged, but the last one is."""
        first = min(first_new, max(0, len(turns) - 1))
        return ThreadConversation(Conversation(id, tuple(turns), self._source), first=first, redact=self._redact)

    def _branch(self, thread: str, talks: Sequence[ThreadConversation], turns: Sequence[Turn]) -> ThreadConversation:
        number = 1 + max((_number(talk.conversation.id, thread) for talk in talks), default=0)
        id = thread if number == 1 else f"{thread}#{number}"
        talk = ThreadConversation(Conversation(id, tuple(turns), self._source), redact=self._redact)
        talk.ancestors = tuple((earlier, shared_length(earlier.conversation.turns, turns)) for earlier in talks)
        if talks:
            talk.order = talks[-1].order  # of one thread, one after the other
        return talk


def merge(earlier: Sequence[Turn], turns: Sequence[Turn]) -> tuple[Turn, ...] | None:
    """Return the earlier turns with a history's new ones; None where it goes on from the middle of the earlier turns.

    A history that is a part of the earlier turns adds nothing. One that lacks the beginning, or summarises it, goes on
    where it repeats the end of the earlier turns: at its own beginning, or with two turns in a row. One that repeats
    nothing, apart from system turns, comes from an application that gives its model only the last question: all its
    turns are added.
    """
    shared = shared_length(earlier, turns)
    if shared == len(earlier):
        return (*earlier, *turns[shared:])
    if shared == len(turns):
        return tuple(earlier)
    best = (0, 0)
    for end in range(1, len(turns) + 1):
        length = shared_length(earlier[::-1], turns[:end][::-1])
        if length >= min(_OVERLAP, len(earlier)) or length == end:
            best = max(best, (length, end))
    length, end = best
    if length:
        return (*earlier, *turns[end:])
    return None if any(turn.role != "system" for turn in earlier[:shared]) else (*earlier, *turns[shared:])


def shared_length(first: Sequence[Turn], second: Sequence[Turn]) -> int:
    """Return the number of turns with which both begin."""
    pairs = zip(first, second, strict=False)
    same = ((a.role, a.content) == (b.role, b.content) for a, b in pairs)
    return sum(1 for _ in takewhile(bool, same))


def _number(id: str, thread: str) -> int:
    return int(id.removeprefix(thread).removeprefix("#") or 1)
