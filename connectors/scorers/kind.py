"""The scalarizers and scoring functions that users can name, and their registries. Each is a record in a file here."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from convexplain.connectors.kinds import Kind, guarded
from convexplain.errors import UsageError
from convexplain.explain.scalarizers import Scalarizer
from convexplain.judges.label_choice import LabelChoice
from convexplain.judges.scoring import ScoringFunction
from convexplain.judges.similarity import ResponseSimilarity, Similarity
from convexplain.models.calls import Calls
from convexplain.plugins import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarizerKind(Kind):
    """A kind of scalarizer: the value of a turn that is attributed.

    Attributes:
        make: makes a maker of scalarizers, one for each judged turn, of the text behind the name and its colon, and of
            the calls to the responder, or to the judge's model where there is no responder. Models are loaded at the
            first value. None means the judge's score, which needs no other scalarizer.
        needs_responder: it compares a responder's answers.
    """

    make: Callable[[str, Calls], Callable[[], Scalarizer]] | None
    needs_responder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreKind(Kind):
    """A kind of scoring function: how far a response has moved.

    Attributes:
        make: makes a scoring function of the text behind the name and its colon. Models are loaded at the first score.
        make_of_chat: makes one that asks a chat model; None where that cannot be. Users write `NAME:chat` for the model
            that is explained, and `NAME:chat=MODEL` for another.
        questions: how many questions a chat model is asked at most for each answer but the first.
        first_questions: how many for the first answer, which the others are compared with.
        reads_question: it reads the prompt as a question to people, and so is shown what stands before the prompt too.
    """

    make: Callable[[str], ScoringFunction]
    make_of_chat: Callable[[LabelChoice], ScoringFunction] | None = None
    questions: int = 2
    first_questions: int = 1
    reads_question: bool = False

    def most_questions(self, answers: int) -> int:
        """Return how many questions a chat model is asked at most for the answers to one prompt, of 1 or more."""
        return self.first_questions + self.questions * (answers - 1)

    def chat_model(self, target: str) -> str | None:
        """Return the chat model of a target, empty for the model that is explained; None where it names none."""
        word, _, model = target.partition("=")
        return model if self.make_of_chat is not None and word == "chat" else None


def similarity_kind(
    name: str,
    description: str,
    make: Callable[[str], Similarity],
    default: str,
    make_of_chat: Callable[[LabelChoice], Similarity] | None = None,
) -> ScalarizerKind:
    """Return the kind of a similarity: the likeness of the responder's answer to its original one.

    Args:
        name: the word that users write.
        description: what it is, in a sentence.
        make: makes the similarity of a repository or folder.
        default: the repository where the user names none.
        make_of_chat: makes one that asks the responder itself, which users write as `NAME:chat`; None where that cannot
            be.
    """

    def make_scalarizers(source: str, calls: Calls) -> Callable[[], Scalarizer]:
        if make_of_chat is not None and source == "chat":
            if getattr(calls.model, "only_heads", False):
                raise UsageError(f"scalarizer {name!r}: {calls.model.name} cannot compare two answers; name weights")
            return lambda: ResponseSimilarity(calls, make_of_chat(LabelChoice(calls)))
        similarity = make(source or default)
        return lambda: ResponseSimilarity(calls, similarity)

    target = "REPO_OR_FOLDER|chat" if make_of_chat else "REPO_OR_FOLDER"
    return ScalarizerKind(name, description, target, optional=True, make=make_scalarizers, needs_responder=True)


def _guard_scalarizer(kind: ScalarizerKind) -> ScalarizerKind:
    return kind if kind.make is None else replace(kind, make=guarded("scalarizers", kind.name, kind.make))


def _guard_score(kind: ScoreKind) -> ScoreKind:
    return replace(kind, make=guarded("scores", kind.name, kind.make))


_PACKAGE = "convexplain.connectors.scorers"
SCALARIZERS = Registry("scalarizer", "scalarizers", ScalarizerKind, _PACKAGE, _guard_scalarizer)
"""All kinds of scalarizers by name."""
SCORES = Registry("score", "scores", ScoreKind, _PACKAGE, _guard_score)
"""All kinds of scoring functions by name."""
