"""One answer as an example of a problem: the question, the answer with its guilty words, and an edit that lifts it."""

from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.explain.headlines import headline, not_low
from convexplain.explain.strongest_units import (
    earlier_turn_effects,
    no_reply_effects,
    reply_effects,
    reply_is_measured,
)
from convexplain.explain.wording import edit_caution, edit_title
from convexplain.store import RunStore, ScoredTurn
from convexplain.types import Attribution, Contrast

from .explanations import EditedTurn, edited_turns, explanation
from .shades import Piece, pieces
from .trust_marks import TrustMark

MarkedTurn = tuple[ScoredTurn, TrustMark]
"""A turn with the trust in its score."""

_QUESTION = 400  # characters of the user's message
_ANSWER = 900  # characters of the answer


@dataclass(frozen=True, slots=True)
class ProblemExample:
    """An example.

    Attributes:
        headline: the sentence that says first why it has its score.
        conversation, turn: where it stands.
        score, rubric, threshold, mark: its score on a maxim, and how far that is to be trusted.
        question: the last message of the user before it; empty without one.
        answer: its text in pieces, those that lower the score marked.
        cut: how many characters of it are left out.
        unsuccessful: a line that says that no words of it matter, where that was looked for; empty otherwise.
        earlier: an earlier message that matters beyond the judge's noise, as (index, role, text); None without one.
        edit_title: the heading of an edit that lifts the score; empty without one.
        edit_caution: what is to be said beside it.
        edited: the messages that it edits, as word differences; empty without one.
        new_answer: the answer that followed, where an earlier message was edited.
        edited_score: the score after the edit; None without one.
    """

    headline: str
    conversation: str
    turn: int
    score: float | None
    rubric: str
    threshold: float
    mark: TrustMark
    question: str
    answer: Sequence[Piece]
    cut: int
    unsuccessful: str
    earlier: tuple[int, str, str] | None
    edit_title: str
    edit_caution: str
    edited: Sequence[EditedTurn]
    new_answer: str
    edited_score: float | None

    @property
    def marked(self) -> bool:
        """Return whether words of the answer are marked."""
        return any(piece.shade is not None and piece.shade.strength for piece in self.answer)


def problem_example(store: RunStore, run: int, candidates: Sequence[MarkedTurn]) -> ProblemExample | None:
    """Return the example of a problem: a low candidate with an edit that lifts it, else an explained one, else any.

    Args:
        store: the store.
        run: the run's number.
        candidates: the turns, the most typical first.
    """
    explained = [(turn, mark, *explanation(store, run, turn)) for turn, mark in candidates]
    ranked = sorted(explained, key=lambda case: (not _is_low(*case[:2]), not _is_lifted(case[0], case[3]), not case[2]))
    return _example(*ranked[0]) if ranked else None


def _is_low(turn: ScoredTurn, mark: TrustMark) -> bool:
    """Return whether the turn is one of those that count as low; any is where the maxim's scores only sort."""
    return not mark.flags or turn.score is None or turn.score < turn.rubric.threshold


def _is_lifted(turn: ScoredTurn, contrast: Contrast | None) -> bool:
    if contrast is None or not contrast.found or contrast.score_after is None or turn.score is None:
        return False
    return contrast.score_after > turn.score


def _example(
    turn: ScoredTurn, mark: TrustMark, attributions: Sequence[Attribution], contrast: Contrast | None
) -> ProblemExample:
    conversation, index = turn.conversation, turn.turn
    before = reversed(conversation.turns[:index])
    answer, cut = cut_pieces(_lowering(pieces(conversation, index, attributions)), _ANSWER)
    silent = not reply_effects(attributions, index) and reply_is_measured(attributions, index)
    edit = contrast if _is_lifted(turn, contrast) else None
    if turn.score is not None and not _is_low(turn, mark):
        sentence = not_low(index, turn.rubric, turn.score)
    else:
        evidence = (turn.score, turn.reason, turn.reason_quotes, attributions, contrast)
        sentence = headline(conversation, index, turn.rubric, *evidence)
    return ProblemExample(
        headline=sentence,
        conversation=conversation.id,
        turn=index,
        score=turn.score,
        rubric=turn.rubric.title,
        threshold=turn.rubric.threshold,
        mark=mark,
        question=_cut(next((message.content for message in before if message.role == "user"), "")),
        answer=answer,
        cut=cut,
        unsuccessful=no_reply_effects(attributions) if silent else "",
        earlier=_earlier(turn, attributions),
        edit_title=edit_title(edit) if edit is not None else "",
        edit_caution=edit_caution(edit) if edit is not None else "",
        edited=edited_turns(conversation, edit) if edit is not None else (),
        new_answer=edit.response_after if edit is not None and edit.question == "regenerate" else "",
        edited_score=edit.score_after if edit is not None else None,
    )


def _earlier(turn: ScoredTurn, attributions: Sequence[Attribution]) -> tuple[int, str, str] | None:
    """Return the earlier message that lowers the score most; None where there is none or it is the question itself."""
    lowering = [effect.unit.turn for effect in earlier_turn_effects(attributions, turn.turn) if effect.effect < 0]
    if not lowering or lowering[0] == turn.turn - 1:
        return None
    message = turn.conversation.turns[lowering[0]]
    return lowering[0], message.role, _cut(message.content)


def _lowering(text: Sequence[Piece]) -> list[Piece]:
    """Return the pieces of an answer, with only those marked that lower its score."""
    return [piece if piece.shade is not None and piece.shade.sign == "-" else Piece(piece.text, None) for piece in text]


def cut_pieces(text: Sequence[Piece], longest: int) -> tuple[list[Piece], int]:
    """Return the first pieces of a text, and the number of characters that are left out."""
    room, beginning = longest, list[Piece]()
    for piece in text:
        if room <= 0:
            break
        beginning.append(Piece(piece.text[:room], piece.shade))
        room -= len(piece.text)
    return beginning, sum(len(piece.text) for piece in text) - sum(len(piece.text) for piece in beginning)


def _cut(text: str) -> str:
    return text if len(text) <= _QUESTION else f"{text[:_QUESTION].rstrip()} …"
