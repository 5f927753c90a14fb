"""Shards: the conversations of a run in groups, each judged at once by one worker of a cluster."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from convexplain.errors import Problem
from convexplain.store.serialization import conversation_body
from convexplain.types import Conversation, Judgement, Rubric, sha256_json

from .pipeline import Choice, chosen_turns, no_assistant_turn, turns_to_judge

MOST_CONVERSATIONS = 64
"""Conversations of a shard at most. It depends on nothing, so that a run that goes on has the same shards."""
MOST_CHARACTERS = 1 << 20
"""Characters of a shard's turns, unless a single conversation has more."""

_DIGITS = 16  # hexadecimal ones of the content in a shard's name


@dataclass(frozen=True, slots=True)
class Assignment:
    """A conversation of a shard, and what is to be judged in it.

    Attributes:
        digest: SHA-256 of the conversation, by which the store knows it too.
        conversation: the conversation.
        turns: by the rubric's id the indices of the turns that are judged on it.
    """

    digest: str
    conversation: Conversation
    turns: Mapping[str, tuple[int, ...]]

    @property
    def judgements(self) -> int:
        """Return how many judgements are to be made."""
        return sum(map(len, self.turns.values()))


@dataclass(frozen=True, slots=True)
class Shard:
    """A group of conversations that one worker judges.

    Attributes:
        name: tells its place in the run and its content: another content has another name.
        assignments: its conversations, with what is to be judged in them.
        numbers: by the conversation's digest its number in the store.
    """

    name: str
    assignments: tuple[Assignment, ...]
    numbers: Mapping[str, int]

    @property
    def judgements(self) -> int:
        """Return how many judgements are to be made."""
        return sum(assignment.judgements for assignment in self.assignments)

    def without(self, judged: Mapping[int, AbstractSet[tuple[int, str]]], rubrics: Sequence[Rubric]) -> "Shard":
        """Return the same shard, by the same name, without what is judged already.

        Args:
            judged: by the conversation's number in the store (turn, SHA of the rubric) of each judgement.
            rubrics: the rubrics.
        """
        shas = {rubric.id: rubric.sha for rubric in rubrics}
        remaining = []
        for assignment in self.assignments:
            done = judged.get(self.numbers[assignment.digest], frozenset())
            turns = {
                rubric: tuple(turn for turn in indices if (turn, shas[rubric]) not in done)
                for rubric, indices in assignment.turns.items()
            }
            if any(turns.values()):
                remaining.append(replace(assignment, turns=turns))
        return replace(self, assignments=tuple(remaining))


@dataclass(frozen=True, slots=True)
class ShardJudgement:
    """A judgement of a shard.

    Attributes:
        digest: of its conversation.
        rubric: SHA of the rubric, whose id the judgement has.
        source: the log of the conversation.
        judgement: the judgement.
    """

    digest: str
    rubric: str
    source: str
    judgement: Judgement


def partition(
    conversations: Iterable[tuple[int, Conversation]],
    rubrics: Sequence[Rubric],
    turns: Choice,
    on_problem: Callable[[Problem], None],
) -> Iterator[Shard]:
    """Yield a run's conversations in shards, in their order.

    Args:
        conversations: with their numbers in the store.
        rubrics: the rubrics.
        turns: which turns are judged.
        on_problem: receives conversations in which there is nothing to judge; they are in no shard.
    """
    members: list[Assignment] = []
    numbers: dict[str, int] = {}
    count = characters = 0
    for number, conversation in conversations:
        if not turns_to_judge(conversation, "last"):
            on_problem(no_assistant_turn(conversation))
            continue
        chosen = {rubric.id: tuple(chosen_turns(conversation, turns, rubric)) for rubric in rubrics}
        if not any(chosen.values()):
            continue
        digest = sha256_json(conversation_body(conversation))
        members.append(Assignment(digest, conversation, chosen))
        numbers[digest] = number
        characters += sum(len(turn.content) for turn in conversation.turns)
        if len(members) >= MOST_CONVERSATIONS or characters >= MOST_CHARACTERS:
            yield Shard(_name(count, members), tuple(members), numbers)
            members, numbers, count, characters = [], {}, count + 1, 0
    if members:
        yield Shard(_name(count, members), tuple(members), numbers)


def _name(place: int, members: Sequence[Assignment]) -> str:
    content = sha256_json([[member.digest, member.turns] for member in members])
    return f"{place:06d}-{content[:_DIGITS]}"
