"""Reasons in words: which turns get one, and the check of what they quote."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from convexplain.analysis.pipeline import TurnJudge
from convexplain.models.chat import Request
from convexplain.types import Conversation, Judgement, QuoteCheck, Rubric, Turn

from .fence import defuse
from .spec import ReasonChoice

_DOUBLE_QUOTES = dict.fromkeys(map(ord, "“”„‟«»″「」『』"), '"')
_SINGLE_QUOTES = dict.fromkeys(map(ord, "‘’‚‛`´′"), "'")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_MARKUP = dict.fromkeys(map(ord, "*_"), None)
_SAME = _DOUBLE_QUOTES | _SINGLE_QUOTES | _DASHES | _MARKUP
_DOUBLE_QUOTED = re.compile(r'"([^"]+)"')
_OPENING = re.compile(r"(?<!\w)'(?=\S)")
_CLOSING = re.compile(r"(?<=\S)'(?!\w)")
_ELLIPSIS = re.compile(r"\[?(?:…|\.\.\.)\]?")
_EDGES = " \t\n.,;:!?-\"'()[]"


class ReasonGiver(Protocol):
    """A judge that can say in words why it gave a score."""

    async def explain(self, judgement: Judgement, conversation: Conversation, rubric: Rubric) -> Judgement:
        """Return the judgement with a reason in words; where there is none, a note says why.

        Raises:
            UnavailableError: the model is gone.
        """

    def reason_requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return the calls that the reason of a turn takes."""


class Reasons:
    """Reasons in words for those turns that are to have one.

    Args:
        judge: the judge that has scored the turns.
        choice: which turns get a reason.
    """

    def __init__(self, judge: ReasonGiver, choice: ReasonChoice) -> None:
        self._judge = judge
        self._choice = choice

    async def add(self, judgement: Judgement, conversation: Conversation, rubric: Rubric) -> Judgement:
        """Return the judgement, with a reason where its turn is to have one: its score is the final one.

        Raises:
            UnavailableError: the model is gone.
        """
        if judgement.score is None or self._choice == "none":
            return judgement
        if self._choice == "flagged" and judgement.score >= rubric.threshold:
            return judgement
        return await self._judge.explain(judgement, conversation, rubric)

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return the calls for a turn's reason that are made whatever its score is."""
        return self._judge.reason_requests(conversation, turn, rubric) if self._choice == "all" else []


class ReasonedJudge:
    """A judge that says in words why a turn has its score, for those turns that are to have a reason.

    Args:
        judge: scores turns.
        reasons: adds the reasons.
    """

    def __init__(self, judge: TurnJudge, reasons: Reasons) -> None:
        self._judge = judge
        self._reasons = reasons

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """Judge a turn, and say why.

        Raises:
            UnavailableError: the model is gone.
        """
        judgement = await self._judge.judge_turn(conversation, turn, rubric, again)
        return await self._reasons.add(judgement, conversation, rubric)

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return the calls of the judge, and those for reasons that are made whatever the score is."""
        requests = self._judge.requests(conversation, turn, rubric)
        return [*requests, *self._reasons.requests(conversation, turn, rubric)]


def low_side_label(judgement: Judgement, rubric: Rubric) -> str:
    """Return the label that a reason explains: the most probable one on the score's side of the threshold.

    The most probable label of all can be on the other side; a reason for it would contradict the score.
    """
    low = (judgement.score or 0.0) < rubric.threshold
    side = [label for label in rubric.labels if (label.value < rubric.threshold) == low] or rubric.labels
    probabilities = judgement.evidence.probabilities
    direction = -1 if low else 1
    return max(side, key=lambda label: (probabilities.get(label.name, 0.0), direction * label.value)).name


def check_quotes(reason: str, turns: Sequence[Turn], labels: Sequence[str] = ()) -> QuoteCheck:
    """Return whether the words that a reason quotes are in the conversation.

    Letter case, white space, the form of quotation marks and dashes, markup, ellipses and punctuation at the ends of a
    quote do not count. A quoted label is no quote, unless the judged reply is just that.

    Args:
        reason: the reason in words.
        turns: the judged turn, and the turns before it that the judge has read.
        labels: the names of the rubric's labels.

    Returns:
        `verified`: it quotes, and all its quotes are there; `earlier_reply`: they are there, but all of them in earlier
        replies of the assistant only, so that it may be about another reply than the judged one; `missing`: a quote is
        not there; `none`: it quotes nothing.
    """
    texts = [_plain(defuse(turn.content)) for turn in turns]
    names = {_plain(name).strip(_EDGES) for name in labels} - {texts[-1].strip(_EDGES)}
    quotes = [quote for quote in _quotes(_plain(reason), texts) if quote.strip(_EDGES) not in names]
    if not quotes:
        return "none"
    if not all(_is_in(quote, texts) for quote in quotes):
        return "missing"
    relevant = [text for turn, text in zip(turns[:-1], texts, strict=False) if turn.role != "assistant"] + texts[-1:]
    return "verified" if any(_is_in(quote, relevant) for quote in quotes) else "earlier_reply"


def _plain(text: str) -> str:
    return " ".join(text.translate(_SAME).casefold().split())


def _quotes(reason: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield what stands in quotation marks, in double ones first.

    An apostrophe can look like a closing single mark. So of the possible ends of a quote the last one counts that makes
    it words of the conversation, else the first one.
    """
    for match in _DOUBLE_QUOTED.finditer(reason):
        yield from filter(_has_words, [match[1]])
    remaining = _DOUBLE_QUOTED.sub(" ", reason)
    position = 0
    while opening := _OPENING.search(remaining, position):
        start = opening.end()
        ends = [closing.start() for closing in _CLOSING.finditer(remaining, start)]
        if not ends:
            return
        end = next((end for end in reversed(ends) if _is_in(remaining[start:end], texts)), ends[0])
        yield from filter(_has_words, [remaining[start:end]])
        position = end + 1


def _has_words(quote: str) -> bool:
    return any(character.isalnum() for character in quote)


def _is_in(quote: str, texts: Sequence[str]) -> bool:
    """Return whether a quote is in one of the texts: its parts between ellipses in their order."""
    parts = [_bounded(part.strip(_EDGES)) for part in _ELLIPSIS.split(quote) if _has_words(part)]
    return bool(parts) and any(_are_in(parts, text) for text in texts)


def _are_in(parts: Sequence[re.Pattern[str]], text: str) -> bool:
    """Return whether all parts are in a text one after the other; the first place of each leaves most room."""
    position = 0
    for part in parts:
        match = part.search(text, position)
        if match is None:
            return False
        position = match.end()
    return True


def _bounded(part: str) -> re.Pattern[str]:
    """Return the pattern of these words, whole ones where the script puts spaces between words."""
    before = r"(?<!\w)" if part[0].lower() != part[0].upper() or part[0].isdigit() else ""
    after = r"(?!\w)" if part[-1].lower() != part[-1].upper() or part[-1].isdigit() else ""
    return re.compile(before + re.escape(part) + after)


def with_reason(judgement: Judgement, reason: str, quotes: QuoteCheck | None) -> Judgement:
    """Return the judgement with a reason, and with what is known of the words that it quotes."""
    return replace(judgement, reason=reason, evidence=replace(judgement.evidence, reason_quotes=quotes))


def with_note(judgement: Judgement, note: str) -> Judgement:
    """Return the judgement with a further note."""
    notes = (*judgement.evidence.notes, note)
    return replace(judgement, evidence=replace(judgement.evidence, notes=notes))
