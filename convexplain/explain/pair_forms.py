"""The two forms of the turn that a contrast makes a pair of."""

from dataclasses import dataclass, replace

from convexplain.types import Contrast, Conversation, Turn

NOT_FOUND = "no contrast was found"
UNCONFIRMED = "a second measurement did not confirm it"
UNSCORED = "a turn has no score"
SEVERAL = "edits lie in several turns"
NOT_ASSISTANT = "the edited turn is not the assistant's"
IDENTICAL = "both turns are the same"
REJECTED = "a reviewer rejected it"
UNREVIEWED = "nobody has reviewed it"
NO_ANSWERS = "only regenerated contrasts have two final answers"


@dataclass(frozen=True, slots=True)
class ReviewedContrast:
    """A contrast of a run, with the decision of a reviewer where there is one.

    Attributes:
        number: its number in the store.
        conversation: as it was logged.
        contrast: the contrast.
        decision: the reviewer's, `accept`, `reject` or `fix`; None without a review.
        text: the reviewer's wording of the edited turn; None where there is none.
    """

    number: int
    conversation: Conversation
    contrast: Contrast
    decision: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Two forms of a turn after one history, with the scores that are known.

    Attributes:
        history: the conversation, at least up to the turn.
        place: index of the turn.
        before, after: its two forms.
        scores: what one judge gave both after this history; None = to be asked.
        rises: True where `after` has to score higher, False where it has to score lower.
    """

    history: Conversation
    place: int
    before: Turn
    after: Turn
    scores: tuple[float, float] | None
    rises: bool

    @property
    def prompt(self) -> tuple[Turn, ...]:
        """The turns before the one that differs."""
        return self.history.turns[: self.place]

    @property
    def better(self) -> Turn:
        """The form that has to score higher."""
        return self.after if self.rises else self.before

    @property
    def worse(self) -> Turn:
        """The form that has to score lower."""
        return self.before if self.rises else self.after

    def ending(self, turn: Turn) -> Conversation:
        """Return the conversation up to the turn, in that form."""
        return replace(self.history, turns=(*self.prompt, turn))


def wording_of(reviewed: ReviewedContrast) -> str | None:
    """Return the reviewer's wording of the edited turn; None where there is none."""
    return reviewed.text if reviewed.text and reviewed.text.strip() else None


def forms_of(reviewed: ReviewedContrast, *, unreviewed: bool, final_answers: bool) -> Alternatives | str:
    """Return the two forms of the turn that differs, or the reason why there are none.

    Args:
        reviewed: the contrast with its review.
        unreviewed: also of contrasts that nobody has reviewed.
        final_answers: of regenerated contrasts the final answers, instead of the edited turn.
    """
    contrast, conversation = reviewed.contrast, reviewed.conversation
    if reviewed.decision == "reject":
        return REJECTED
    if not contrast.found:
        return UNCONFIRMED if contrast.score_again is not None else NOT_FOUND
    if contrast.score_before is None or contrast.score_after is None:
        return UNSCORED
    if reviewed.decision is None and not unreviewed:
        return UNREVIEWED
    # The first measurement chose the candidate; what was measured again says which way it went.
    after = contrast.score_after if contrast.score_again is None else contrast.score_again
    rises = contrast.goal == "improve" or (contrast.goal == "cross" and after > contrast.score_before)
    if final_answers and contrast.question != "revise":
        if contrast.question != "regenerate":
            return NO_ANSWERS
        logged = conversation.turns[contrast.turn]
        answers = [replace(logged, content=text) for text in (contrast.response_before, contrast.response_after)]
        return Alternatives(conversation, contrast.turn, answers[0], answers[1], None, rises)
    if contrast.question == "revise":
        place = contrast.turn
    else:
        places = {edit.unit.turn for edit in contrast.edits}
        if len(places) != 1:
            return SEVERAL if places else IDENTICAL
        (place,) = places
        if conversation.turns[place].role != "assistant":
            return NOT_ASSISTANT
    logged, edited = conversation.turns[place], contrast.turns[place]
    if wording := wording_of(reviewed):  # a reviewer improves a turn, whichever way the contrast went
        return Alternatives(conversation, place, logged, replace(edited, content=wording), None, rises=True)
    scores = (contrast.score_before, after) if contrast.question == "revise" else None
    return Alternatives(conversation, place, logged, edited, scores, rises)
