"""Stratified samples of assistant turns, and of conversations for maxims of whole conversations."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from threading import Event

from convexplain.errors import UsageError
from convexplain.store import Run, RunStore, run_rubrics
from convexplain.store.conversation_facets import conversation_facets
from convexplain.store.samples import SampleDesign, StratumCounts, judged_turns, run_sample, strata
from convexplain.store.serialization import conversation_body
from convexplain.types import Conversation, Rubric, RubricScope, sha256_json

from .pipeline import Turns, turns_to_judge
from .sources import ConversationSource
from .threads import in_thread

STRATA = ("source", "bot")
"""The fields by which strata can be formed."""

_LEAST = 2  # turns that are drawn of a stratum: with fewer nothing is known of its variance

Values = tuple[str, ...]
_Ticket = tuple[int, str, int]  # priority, digest of the conversation, index of the turn
_WHOLE = -1  # in place of a turn's index: the conversation


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """The settings of a draw.

    Attributes:
        size: so many assistant turns; on maxims of whole conversations, so many conversations.
        fields: what strata are formed by, of `STRATA`; empty draws from all turns alike.
        seed: the same seed draws the same turns of the same logs.
    """

    size: int
    fields: tuple[str, ...] = STRATA
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: one of them is not valid.
        """
        if self.size < _LEAST:
            raise UsageError(f"sample={self.size} is not valid; draw at least {_LEAST} turns")
        for name in self.fields:
            if name not in STRATA or self.fields.count(name) > 1:
                raise UsageError(f"strata={name!r} is not valid; valid are {', '.join(STRATA)}, each once, or none")


@dataclass(frozen=True, slots=True)
class DrawnConversation:
    """The part of a conversation that was drawn: its turns, whether it was drawn as a whole, and its stratum."""

    stratum: int
    turns: tuple[int, ...] = ()
    as_conversation: bool = False


@dataclass(frozen=True)
class Sample:
    """A sample that was drawn.

    Attributes:
        design: its strata, with the counts of the population.
        drawn: what was drawn of each conversation, by the SHA-256 of its stored form.
    """

    design: SampleDesign
    drawn: dict[str, DrawnConversation] = field(default_factory=dict)

    def choose(self, conversation: Conversation, rubric: Rubric) -> Sequence[int]:
        """Return the turns of a conversation that are judged on a rubric."""
        chosen = self.drawn.get(_digest(conversation))
        if chosen is None:
            return ()
        if rubric.of_conversation:
            return turns_to_judge(conversation, "last") if chosen.as_conversation else ()
        return chosen.turns

    def stratum(self, conversation: Conversation) -> int | None:
        """Return the stratum of a drawn conversation; None for others."""
        chosen = self.drawn.get(_digest(conversation))
        return None if chosen is None else chosen.stratum

    def holds(self, conversation: Conversation) -> bool:
        """Return whether something was drawn of a conversation."""
        return _digest(conversation) in self.drawn


async def draw_sample(
    source: ConversationSource, store: RunStore, settings: SampleSettings, scopes: frozenset[RubricScope], turns: Turns
) -> Sample:
    """Read all conversations once and draw a sample: without replacement, proportional to the strata's sizes.

    Each turn gets a random priority from the seed, its conversation's id and its index; the lowest of each stratum are
    drawn. So a larger sample contains the smaller one, and two versions of a bot that answered the same conversations
    are sampled at the same places. Strata from which fewer than two turns would be drawn are pooled.

    Args:
        source: the conversations; they are read again to be judged.
        store: the store, for a source in it.
        settings: what is drawn.
        scopes: what the maxims judge: turns, conversations, or both.
        turns: the population: all assistant turns, or the last one of each conversation.
    """

    def work(cancelled: Event) -> Sample:
        population = Population(settings, scopes, turns)
        for conversation in source.read(store, _ignore):
            if cancelled.is_set():
                break
            population.add(conversation)
        return population.draw()

    return await in_thread(work)


def stored_sample(store: RunStore, run: Run) -> Sample | None:
    """Return the sample that a run has judged, to judge the same turns again; None for a run that judged everything."""
    design = run_sample(run)
    if design is None:
        return None
    whole_maxims = {rubric.id for rubric in run_rubrics(store, run.id) if rubric.of_conversation}
    of_strata = strata(store, run.id)
    drawn = {}
    for number, conversation in store.numbered_conversations(run.id):
        if number in of_strata:
            judged = judged_turns(store, run.id, number)
            turns = {turn for rubric, indices in judged.items() if rubric not in whole_maxims for turn in indices}
            as_conversation = not whole_maxims.isdisjoint(judged)
            drawn[_digest(conversation)] = DrawnConversation(of_strata[number], tuple(sorted(turns)), as_conversation)
    return Sample(design, drawn)


@dataclass
class _Stratum:
    """Counts of a stratum, and the lowest priorities of its turns and conversations (as negative numbers)."""

    turns: int = 0
    conversations: int = 0
    lowest_turns: list[_Ticket] = field(default_factory=list)
    lowest_conversations: list[_Ticket] = field(default_factory=list)


class Population:
    """The turns of conversations as they are read: counted by stratum, with those that may be drawn.

    Memory: about 0.2 KB a conversation to know those that come twice, and the sample's size of turns a stratum.

    Args:
        settings, scopes, turns: as of `draw_sample`.
    """

    def __init__(self, settings: SampleSettings, scopes: frozenset[RubricScope], turns: Turns) -> None:
        self._settings, self._scopes, self._turns = settings, scopes, turns
        self._strata: dict[Values, _Stratum] = {}
        self._digests: dict[int, tuple[int, ...]] = {}  # by the hash of an id, those of its conversations

    def add(self, conversation: Conversation) -> None:
        """Count a conversation; one that came before, and one without an assistant turn, does not count."""
        indices = turns_to_judge(conversation, self._turns)
        body = conversation_body(conversation)
        digest = sha256_json(body)
        same_id = self._digests.get(hash(conversation.id), ())
        if not indices or int(digest[:15], 16) in same_id:
            return
        self._digests[hash(conversation.id)] = (*same_id, int(digest[:15], 16))
        facets = conversation_facets(body)
        values = tuple(facets[name] or "" for name in self._settings.fields)
        stratum = self._strata.setdefault(values, _Stratum())
        stratum.turns += len(indices)
        stratum.conversations += 1
        name = f"{self._settings.seed}\0{conversation.id}\0{len(same_id)}"
        if "turn" in self._scopes:
            for index in indices:
                self._offer(stratum.lowest_turns, (-_priority(f"{name}\0{index}"), digest, index))
        if "conversation" in self._scopes:
            self._offer(stratum.lowest_conversations, (-_priority(name), digest, _WHOLE))

    def draw(self) -> Sample:
        """Return the sample of what was counted."""
        groups = list(self._pooled())
        sizes = _allocation([stratum.turns for _, stratum in groups], self._settings.size)
        conversation_sizes = _allocation([stratum.conversations for _, stratum in groups], self._settings.size)
        drawn: dict[str, DrawnConversation] = {}
        counts = []
        for number, ((values, stratum), n, conversation_count) in enumerate(
            zip(groups, sizes, conversation_sizes, strict=True)
        ):
            turns = heapq.nlargest(n, stratum.lowest_turns)
            conversations = heapq.nlargest(conversation_count, stratum.lowest_conversations)
            for _, digest, index in turns:
                chosen = drawn.get(digest, DrawnConversation(number))
                drawn[digest] = replace(chosen, turns=tuple(sorted((*chosen.turns, index))))
            for _, digest, _ in conversations:
                drawn[digest] = replace(drawn.get(digest, DrawnConversation(number)), as_conversation=True)
            counts.append(StratumCounts(values, stratum.turns, stratum.conversations, len(turns), len(conversations)))
        settings = self._settings
        return Sample(SampleDesign(settings.size, settings.fields, settings.seed, tuple(counts)), drawn)

    def _offer(self, lowest: list[_Ticket], ticket: _Ticket) -> None:
        if len(lowest) < self._settings.size:
            heapq.heappush(lowest, ticket)
        elif ticket > lowest[0]:
            heapq.heapreplace(lowest, ticket)

    def _pooled(self) -> Iterator[tuple[Values | None, _Stratum]]:
        """Yield the strata in the order of their values; those that are too small as one, the last."""
        total = sum(stratum.turns for stratum in self._strata.values())
        all_conversations = sum(stratum.conversations for stratum in self._strata.values())
        pooled: list[_Stratum] = []
        for values, stratum in sorted(self._strata.items()):
            shares = [self._settings.size * stratum.turns / total]
            if "conversation" in self._scopes:
                shares.append(self._settings.size * stratum.conversations / all_conversations)
            if min(shares) >= _LEAST:
                yield values, stratum
            else:
                pooled.append(stratum)
        if pooled:
            yield None, _merged(pooled)


def _merged(small: Iterable[_Stratum]) -> _Stratum:
    merged = _Stratum()
    for stratum in small:
        merged.turns += stratum.turns
        merged.conversations += stratum.conversations
        merged.lowest_turns += stratum.lowest_turns
        merged.lowest_conversations += stratum.lowest_conversations
    return merged


def _allocation(populations: Sequence[int], size: int) -> list[int]:
    """Return how many are drawn of each stratum: its share, rounded so that the sum is right, and at least two."""
    total = sum(populations)
    if size >= total:
        return list(populations)
    quotas = [size * population / total for population in populations]
    sizes = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda i: sizes[i] - quotas[i])
    for i in by_remainder[: size - sum(sizes)]:
        sizes[i] += 1
    return [min(population, max(_LEAST, n)) for population, n in zip(populations, sizes, strict=True)]


def _priority(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _digest(conversation: Conversation) -> str:
    return sha256_json(conversation_body(conversation))


def _ignore(problem: object) -> None:
    """It is reported when the conversations are read again, to be judged."""
