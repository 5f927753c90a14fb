"""Conversations with planted bad turns, made from hand-written parts: a pure, seeded generator."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from convexplain.errors import UsageError
from convexplain.types import Conversation, Turn, sha256_json

from .parts import BAD_KINDS, Exchange, Kind, Manner, PartReply, Scenario

REPEAT = PartReply("repeat", "")
"""The last reply once more; possible from the second exchange on."""
MAXIMS = ("helpfulness", "informativeness", "harm")
"""Ids of the rubrics that planted turns are labelled on."""

_LENGTHS_DIFFER = 0.18  # share by which a repeated reply may be longer or shorter than a good one
_EMPTY: dict[str, Literal[0, 1]] = {"helpfulness": 0, "informativeness": 0, "harm": 1}
_LABELS: dict[Kind, dict[str, Literal[0, 1]]] = {
    "good": dict.fromkeys(MAXIMS, 1),
    "rude": {"harm": 0},
    "dangerous": {"harm": 0},
    "wrong": {"helpfulness": 0, "harm": 1},
    "evasive": _EMPTY,
    "off_topic": _EMPTY,
    "repeat": _EMPTY,
    "thin": _EMPTY,
}


@dataclass(frozen=True, slots=True)
class PlantedTurn:
    """An assistant turn of which is known what is wrong with it.

    Attributes:
        conversation: the conversation.
        turn: the index of the turn in it.
        scenario: the id of the scenario that the conversation was made from.
        domain: the scenario's.
        kind: `good`, or the kind of the planted problem.
        manner: the manner of a good turn; None for a bad one.
        cause: the condition under which the problem was planted; empty where there was none.
        grave: whether a good reply at this place is an urgent or a careful one: health, safety or a life is at stake.
    """

    conversation: Conversation
    turn: int
    scenario: str
    domain: str
    kind: Kind
    manner: Manner | None = None
    cause: str = ""
    grave: bool = False

    @property
    def text(self) -> str:
        """Return the turn's text."""
        return self.conversation.turns[self.turn].content

    def label(self, maxim: str) -> Literal[0, 1] | None:
        """Return 1 if the turn satisfies a maxim, 0 if not, None if it has no label on it.

        A rude reply may answer the question, a wrong one may say much, a refusal need not inform, and where much is at
        stake a reply that does not help may do harm by that.
        """
        if maxim == "harm" and self.grave and self.kind not in ("good", "rude", "dangerous"):
            return None
        if maxim == "informativeness" and self.manner == "refusal":
            return None
        return _LABELS[self.kind].get(maxim)


@dataclass(frozen=True, slots=True)
class PlantedLog:
    """Conversations with planted bad turns.

    Attributes:
        conversations: the conversations.
        turns: all their assistant turns, in order.
    """

    conversations: tuple[Conversation, ...]
    turns: tuple[PlantedTurn, ...]

    @property
    def sha(self) -> str:
        """Return a SHA-256 of all texts and kinds."""
        texts = [[talk.id, [[turn.role, turn.content] for turn in talk.turns]] for talk in self.conversations]
        return sha256_json(
            [texts, [[turn.turn, turn.scenario, turn.kind, turn.manner, turn.grave] for turn in self.turns]]
        )

    def labelled(self, maxim: str) -> tuple[PlantedTurn, ...]:
        """Return the turns that have a label on a maxim."""
        return tuple(turn for turn in self.turns if turn.label(maxim) is not None)


@dataclass(frozen=True, slots=True)
class Cause:
    """A condition under which a kind of problem is planted: a known failure mode.

    Attributes:
        kind: the kind of problem.
        domain: the scenario is of this domain; empty = of any.
        phrase: the user's turn has this text in it, in any case; empty = any turn.
        share: the share of the matching exchanges in which it is planted, in [0, 1].
    """

    kind: Kind
    domain: str = ""
    phrase: str = ""
    share: float = 1.0

    @property
    def name(self) -> str:
        """Return the condition in words."""
        parts = [f"the topic is {self.domain}"] if self.domain else []
        parts += [f"the user says {self.phrase!r}"] if self.phrase else []
        return " and ".join(parts) or "always"

    def holds(self, scenario: Scenario, user: str) -> bool:
        """Return whether the condition holds for a user's turn of a scenario."""
        return self.domain in ("", scenario.domain) and self.phrase.casefold() in user.casefold()


def plant(
    scenarios: Sequence[Scenario],
    conversations: int = 200,
    share: float = 0.15,
    kinds: Sequence[Kind] = BAD_KINDS,
    causes: Sequence[Cause] = (),
    seed: int = 0,
) -> PlantedLog:
    """Make conversations with planted bad turns; the same arguments give the same conversations.

    Scenarios with their rows of slots come in a random order, each once before any comes again. Where the condition of
    a cause holds and the exchange has a reply of its kind, that is planted; any other turn is bad by chance.

    Args:
        scenarios: the parts.
        conversations: how many to make, at least 1.
        share: the chance that a turn without a cause is bad, in [0, 1].
        kinds: kinds of bad turns that come by chance; they are kept alike often.
        causes: known failure modes; of several that hold the first counts.
        seed: of all choices.

    Raises:
        UsageError: an argument is not valid.
    """
    if not scenarios or conversations < 1 or not 0 <= share <= 1:
        raise UsageError(
            f"conversations={conversations}, share={share}, {len(scenarios)} scenarios: valid are at least one "
            "scenario, at least one conversation, and a share in [0, 1]"
        )
    if unknown := sorted({*kinds, *(cause.kind for cause in causes)} - set(BAD_KINDS)):
        raise UsageError(f"kinds: {', '.join(unknown)} is not valid; valid are: {', '.join(BAD_KINDS)}")
    generator = _Generator(random.Random(seed), share, kinds, causes)  # noqa: S311 - no secret
    rows = [(scenario, row) for scenario in scenarios for row in range(len(scenario.rows))]
    turns: list[PlantedTurn] = []
    for number in range(conversations):
        if number % len(rows) == 0:
            generator.rng.shuffle(rows)
        scenario, row = rows[number % len(rows)]
        replies, planted_for = generator.replies(scenario, row)
        turns += compose(scenario, row, replies, f"{scenario.id}-{number + 1}", planted_for)
    return PlantedLog(tuple(dict.fromkeys(turn.conversation for turn in turns)), tuple(turns))


def compose(
    scenario: Scenario, row: int, replies: Sequence[PartReply], name: str, causes: Sequence[str] = ()
) -> list[PlantedTurn]:
    """Return the assistant turns of a conversation that is made from a scenario.

    Args:
        scenario: the scenario.
        row: the index of its row of slots.
        replies: one for each exchange; `REPEAT` is the last one again.
        name: the conversation's id.
        causes: for each exchange the condition under which a problem was planted; none unless given.
    """
    slots, turns = scenario.rows[row], list[Turn]()
    for exchange, reply in zip(scenario.exchanges, replies, strict=True):
        text = turns[-1].content if reply is REPEAT else reply.text.format(**slots)
        turns += [Turn("user", exchange.user.format(**slots)), Turn("assistant", text)]
    # `dialogue`: intervals draw the conversations of a scenario together.
    conversation = Conversation(name, tuple(turns), "reference", {"dialogue": scenario.id, "domain": scenario.domain})
    return [
        PlantedTurn(
            conversation, 2 * i + 1, scenario.id, scenario.domain, reply.kind, reply.manner, cause, _grave(exchange)
        )
        for i, (exchange, reply, cause) in enumerate(
            zip(scenario.exchanges, replies, causes or [""] * len(replies), strict=True)
        )
    ]


def _grave(exchange: Exchange) -> bool:
    return any(reply.manner in ("urgent", "sensitive") for reply in exchange.good)


def can_repeat(before: PartReply, exchange: Exchange) -> bool:
    """Return whether the reply before an exchange, given once more, is a bad reply as long as a good one."""
    words = len(before.text.split())
    lengths = [len(reply.text.split()) for reply in exchange.good]
    return before.kind == "good" and any(abs(words - length) <= _LENGTHS_DIFFER * length for length in lengths)


@dataclass(frozen=True, slots=True)
class _Generator:
    """The random choices of `plant`."""

    rng: random.Random
    share: float
    kinds: Sequence[Kind]
    causes: Sequence[Cause]
    counts: Counter[Kind] = field(default_factory=Counter)

    def replies(self, scenario: Scenario, row: int) -> tuple[list[PartReply], list[str]]:
        """Return a reply for each exchange, and the causes of the planted ones."""
        chosen: list[PartReply] = []
        names: list[str] = []
        for exchange in scenario.exchanges:
            choices = {reply.kind: reply for reply in exchange.bad}
            if chosen and can_repeat(chosen[-1], exchange):
                choices["repeat"] = REPEAT
            user = exchange.user.format(**scenario.rows[row])
            cause = next(
                (cause for cause in self.causes if cause.kind in choices and cause.holds(scenario, user)), None
            )
            if cause is not None and self.rng.random() < cause.share:
                chosen.append(choices[cause.kind])
                names.append(cause.name)
                continue
            chosen.append(self._by_chance(exchange, choices))
            names.append("")
        return chosen, names

    def _by_chance(self, exchange: Exchange, choices: dict[Kind, PartReply]) -> PartReply:
        possible = [kind for kind in self.kinds if kind in choices]
        if not possible or self.rng.random() >= self.share:
            return self.rng.choice(exchange.good)
        self.rng.shuffle(possible)
        kind = min(possible, key=lambda kind: self.counts[kind])
        self.counts[kind] += 1
        return choices[kind]
