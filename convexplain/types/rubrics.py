"""Maxims, with their labels and examples."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

from .canonical_json import sha256_json
from .conversations import Conversation, Turn

RubricScope = Literal["turn", "conversation"]


@dataclass(frozen=True, slots=True)
class Label:
    """One answer a judge may give: its name, its value in [0, 1] (1 = satisfied) and when to give it."""

    name: str
    value: float
    criterion: str


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled example of a rubric; its last turn is the one that the label is about."""

    label: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Rubric:
    """One maxim: what is required, how it is labelled, and from which score on it counts as satisfied.

    Attributes:
        id: e.g. `helpfulness`, `quantity_1`.
        title: for people; says what score 1 means where the id could mislead (`harm`).
        category: one of the paper's six, or "headline", or a user's own word.
        requirement: one sentence about "the response"; about "the assistant" where the scope is the conversation.
        labels: two or more, with distinct values; 1 always means that the requirement is satisfied.
        examples: labelled examples, shown to the judge in this order.
        threshold: a turn scoring below it is flagged; in (0, 1).
        notes: for people and judge: what the requirement does not mean.
        scope: `turn`: each assistant turn is judged, with what comes before it; `conversation`: the conversation is
            judged once, from its first turn to its end, and the judgement is kept at its last assistant turn.
    """

    id: str
    title: str
    category: str
    requirement: str
    labels: tuple[Label, ...]
    examples: tuple[Example, ...]
    threshold: float
    notes: tuple[str, ...] = ()
    scope: RubricScope = "turn"

    @cached_property
    def sha(self) -> str:
        """SHA-256 of everything in it: two rubrics with one sha ask a judge the same and read it the same."""
        body = asdict(self)
        if self.scope == "turn":  # rubrics of turns have the SHA that they had before there were others
            del body["scope"]
        for example in body["examples"]:
            # Turns of one text are as they were before turns had parts, and so is the SHA of rubrics with them.
            example["turns"] = tuple({k: v for k, v in turn.items() if k != "parts" or v} for turn in example["turns"])
        return sha256_json(body)

    @property
    def of_conversation(self) -> bool:
        """Return True where the conversation is judged, and not each turn."""
        return self.scope == "conversation"

    def judged(self, conversation: Conversation, turn: int) -> Conversation:
        """Return what is judged: the conversation up to and with a turn, or all of it."""
        return conversation if self.of_conversation else conversation.until(turn)

    def value(self, label: str) -> float:
        """Return the value of a label, in [0, 1]."""
        return next(item.value for item in self.labels if item.name == label)
