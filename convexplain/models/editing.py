"""Passages of a conversation that may be edited, the protocol of editors, and that of models of language.

An editor proposes natural texts for a passage. A model of language says how probable each token of a text is, which
tells whether an edited text still reads well. No model lives here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from convexplain.types import Rubric, Turn, Unit


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence or a turn that may be edited, and what the edit is for.

    Attributes:
        turns: the conversation up to the judged turn, as it was logged; all of it where that is judged.
        unit: the passage, in its untouched turn.
        judged: index of the judged turn.
        rubric: the maxim that the judged turn is scored on.
        upward: True where the judged turn's score is to rise.
        reason: the judge's reason for that score in words; empty where there is none.
        refused: texts of the passage's turn that were tried and did not do.
        keep: maxims whose scores are not to fall.
    """

    turns: tuple[Turn, ...]
    unit: Unit
    judged: int
    rubric: Rubric
    upward: bool
    reason: str = ""
    refused: tuple[str, ...] = ()
    keep: tuple[Rubric, ...] = ()

    @property
    def text(self) -> str:
        """The passage's words as they were logged."""
        return self.unit.of(self.turns[self.unit.turn].content)


class Editor(Protocol):
    """Proposes texts for passages.

    Attributes:
        name: as a user would write it to get the editor again.
        fingerprint: changes whenever the same passage could get other proposals.
        error: how a model failed for the latest answer of `propose`, which is then shorter; empty where none did.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - in the class's docstring
    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    @property
    def error(self) -> str: ...  # noqa: D102

    async def prepare(self) -> None:
        """Load weights or reach the server, once, before the first passage. Raises UnavailableError."""

    async def propose(self, passages: Sequence[Passage], k: int) -> list[list[str]]:
        """Return for each passage at most k different texts of its whole turn, best first; none where it has no idea.

        A text is the turn's content with the passage edited and everything else as it was. It differs from the turn and
        from what was refused, and something is left of it.
        """

    async def aclose(self) -> None:
        """Give back memory and connections."""


Embedding: TypeAlias = Callable[[list[str]], list[list[float]]]
"""Return a vector for each text; the nearer in meaning two texts are, the greater is the cosine of their vectors."""


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence of an assistant turn in the logs.

    Attributes:
        rubric: id of the maxim of its turn's score.
        conversation_id: the conversation's id.
        turn: 0-based index into its turns.
        text: the sentence, without white space around it.
        score: the turn's score on it in [0, 1], 1 = satisfied.
    """

    rubric: str
    conversation_id: str
    turn: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class TextInContext:
    """A text, and what stands before it."""

    context: str
    text: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of a text: where it stands there, in code points, and its natural log-probability after what precedes."""

    start: int
    end: int
    logprob: float


class LanguageModel(Protocol):
    """Says how probable each token of a text is.

    Attributes:
        name: as a user would write it.
        fingerprint: changes whenever the same text could get other numbers.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - in the class's docstring
    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    async def prepare(self) -> None:
        """Load the weights, once, before the first text. Raises UnavailableError."""

    async def token_logprobs(self, texts: Sequence[TextInContext]) -> list[list[TokenLogprob]]:
        """Return for each text its tokens in order."""

    async def aclose(self) -> None:
        """Give back memory."""
