"""Conversations as they grow: which turns of a history that comes again are new, and which were judged."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from convexplain.connectors.message_objects import is_answer
from convexplain.types import Conversation, Rubric, Turn

Change = Callable[[Conversation], Conversation]

_THREADS = 2000
_BRANCHES = 8
_OVERLAP = 2  # turns in a row that show that a shortened history goes on where the known one ended


@dataclass(slots=True, eq=False)
class Talk:
    """One conversation as far as it is known. Turns are only ever added, so that their indices stay.

    Attributes:
        conversation: its turns so far.
        number: its number in the store; None where it was not kept yet.
        done: (turn, SHA of the rubric) of what was judged.
        first: earlier turns are not judged: they were given, and belong to other conversations.
        order: held while its turns are judged, so that they are judged one after the other.
        others: the conversations that it branched off from, each with how many turns both have.
        redact: what the conversation becomes before it is judged, kept or shown to anybody; None = it stays.
    """

    conversation: Conversation
    number: int | None = None
    done: set[tuple[int, str]] = field(default_factory=set)
    first: int = 0
    order: asyncio.Lock = field(default_factory=asyncio.Lock)
    others: "tuple[tuple[Talk, int], ...]" = ()
    redact: Change | None = None
    _redacted: tuple[Conversation, Conversation] | None = None

    @property
    def shown(self) -> Conversation:
        """The conversation as others may see it. Raises what `redact` raises."""
        if self.redact is None:
            return self.conversation
        if self._redacted is None or self._redacted[0] is not self.conversation:
            self._redacted = self.conversation, self.redact(self.conversation)
        return self._redacted[1]

    def to_judge(self, rubrics: Sequence[Rubric], until: int) -> list[tuple[int, list[Rubric]]]:
        """The turns before `until` that are to be judged, each with the rubrics that it was not judged on.

        To be asked for when the thread's earlier histories were judged: what it has in common with them is known then.
        """
        for other, shared in self.others:
            self.done |= {(turn, sha) for turn, sha in other.done if turn < shared}
        self.others = ()
        found: list[tuple[int, list[Rubric]]] = []
        for turn in range(self.first, until):
            left = [rubric for rubric in rubrics if (turn, rubric.sha) not in self.done]
            if left and is_answer(self.conversation.turns[turn]):
                found.append((turn, left))
        return found


class Threads:
    """The conversations of an application's threads, those that were heard of last.

    A thread's history may come whole, with only its end, or with its beginning summed up; what is new in it is added to
    the conversation. A history that goes on from an earlier turn, as when an answer is made anew, is a conversation of
    its own, `THREAD#2`, in which the turns that both have are not judged again.

    Args:
        source: the conversations' source.
        most: threads that are remembered; of one that was forgotten everything is new.
        redact: of their conversations.
    """

    def __init__(self, source: str, most: int = _THREADS, redact: Change | None = None) -> None:
        self._source = source
        self._redact = redact
        self._most = most
        self._talks: OrderedDict[str, list[Talk]] = OrderedDict()

    def place(self, thread: str, turns: Sequence[Turn]) -> Talk:
        """The conversation that a thread's history belongs to, with what is new in it."""
        talks = self._talks.setdefault(thread, [])
        self._talks.move_to_end(thread)
        while len(self._talks) > self._most:
            self._talks.popitem(last=False)
        for talk in reversed(talks):
            known = talk.conversation
            if (merged := merge(known.turns, turns)) is not None:
                if len(merged) > len(known.turns):
                    talk.conversation = replace(known, turns=merged)
                return talk
        talk = self._branch(thread, talks, turns)
        talks.append(talk)
        del talks[:-_BRANCHES]
        return talk

    def alone(self, id: str, turns: Sequence[Turn], given: int) -> Talk:
        """A conversation that nothing will be added to; the first `given` turns are not judged."""
        first = min(given, max(0, len(turns) - 1))
        return Talk(Conversation(id, tuple(turns), self._source), first=first, redact=self._redact)

    def _branch(self, thread: str, talks: Sequence[Talk], turns: Sequence[Turn]) -> Talk:
        number = 1 + max((_number(talk.conversation.id, thread) for talk in talks), default=0)
        id = thread if number == 1 else f"{thread}#{number}"
        talk = Talk(Conversation(id, tuple(turns), self._source), redact=self._redact)
        talk.others = tuple((other, common(other.conversation.turns, turns)) for other in talks)
        if talks:
            talk.order = talks[-1].order  # of one thread, one after the other
        return talk


def merge(known: Sequence[Turn], turns: Sequence[Turn]) -> tuple[Turn, ...] | None:
    """The known turns with what a history adds to them; None where it goes on from one of the earlier turns.

    A history that is a part of what is known adds nothing. One that lacks the beginning, or sums it up, goes on where
    it repeats the known turns' end: at its own beginning, or with two turns in a row. One that repeats nothing, but
    for the system's words, comes from an application that gives its model the last question only: it is added whole.
    """
    shared = common(known, turns)
    if shared == len(known):
        return (*known, *turns[shared:])
    if shared == len(turns):
        return tuple(known)
    best = (0, 0)
    for end in range(1, len(turns) + 1):
        length = common(known[::-1], turns[:end][::-1])
        if length >= min(_OVERLAP, len(known)) or length == end:
            best = max(best, (length, end))
    length, end = best
    if length:
        return (*known, *turns[end:])
    return None if any(turn.role != "system" for turn in known[:shared]) else (*known, *turns[shared:])


def common(some: Sequence[Turn], others: Sequence[Turn]) -> int:
    """How many turns both begin with."""
    count = 0
    for one, other in zip(some, others, strict=False):
        if (one.role, one.content) != (other.role, other.content):
            break
        count += 1
    return count


def _number(id: str, thread: str) -> int:
    return int(id.removeprefix(thread).removeprefix("#") or 1)
