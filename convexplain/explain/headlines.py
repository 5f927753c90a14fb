"""The one sentence that says first why a turn has its score."""

import difflib
from collections.abc import Sequence

import regex

from convexplain.text.segmentation import segment
from convexplain.text.visible import one_line
from convexplain.types import Attribution, Contrast, Conversation, QuoteCheck, Rubric

from .contradictions import contradiction
from .head_phrases import READING_TOO, fault_clauses
from .strongest_units import (
    COUNTS_WITH_OTHERS,
    UnitEffect,
    conversation_turn_effects,
    earlier_turn_effects,
    reply_effects,
)

_NOTHING_FOUND = "nothing in the text was found that explains it"
_WORDS = 30  # words of a headline at most
_CHARACTERS = 220  # of scripts that put no space between words
_QUOTED_WORDS = 12  # words of the text that is quoted
_QUOTED_CHARACTERS = 80
_LEAST_WORDS = 4  # words of a repetition: shorter replies are courtesies
_NEARLY = 0.9  # similarity of the words from which on a reply repeats another
_CONTRADICTION_COUNTS = frozenset(("helpfulness", "quality", "transparency"))  # ids and categories of maxims
_REPETITION_COUNTS = frozenset(("helpfulness", "informativeness", "quantity", "relevance", "manner"))
_WORD = regex.compile(r"\p{Han}|\p{Hiragana}|\p{Katakana}|[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*")
_QUOTE_BEFORE = regex.compile(r"“([^“”]+)”: ")  # as judges put the quote before the explanation
_REASON_QUOTE = 8  # words of that quote
_CLAUSE_WORDS = 20  # of what a reply does, before the words that its score depends on
_NOUN = regex.compile(r"(?:words|phrases|general words)\b", regex.IGNORECASE)  # clauses that begin so have no verb
_VERB = regex.compile(r"(?:uses|begins|ends|repeats|says|gives|exclaims|asks|is)\b", regex.IGNORECASE)


UNEXPLAINED = "it has not been explained yet"
"""How the headline of a turn ends of which nobody knows more than its score."""


def headline(
    conversation: Conversation,
    turn: int,
    rubric: Rubric,
    score: float | None,
    reason: str | None = None,
    reason_quotes: QuoteCheck | None = None,
    attributions: Sequence[Attribution] = (),
    contrast: Contrast | None = None,
) -> str:
    """Return the one sentence that says why a turn, or a conversation, has its score: about 30 words, never empty.

    It is the first of these that there is: a fault of the text that anybody can check (only for a score below the
    threshold, on maxims that it bears on); the judge's reason in words, unless it quotes words that are not there, or
    names only what good turns have too; the words or the earlier turn that the score depends on most, beyond the
    judge's noise; an edit that moves the score over the threshold; else that nothing explains the score yet. Of a
    conversation the turn that its score depends on most comes first.

    Args:
        conversation: the conversation.
        turn: the judged turn's index.
        rubric: the rubric.
        score: the score in [0, 1], 1 = satisfied; None = unscored, and `reason` says why.
        reason: the judge's reason in words; empty or None without one.
        reason_quotes: the check of its quotes, as in `Evidence.reason_quotes`; None for the reasons of heads.
        attributions: those of the score, one a level; empty where nobody has asked for them.
        contrast: that of the score; None without one.
    """
    if rubric.of_conversation:
        return _of_conversation(conversation, rubric, score, reason, reason_quotes, attributions, contrast)
    if score is None:
        return _cut(f"Turn {turn} has no score on {rubric.id}: {reason or 'the judge gave none'}")
    if not conversation.turns[turn].content.strip():
        return f"Turn {turn} is empty: there is no text to judge."
    return (
        (_fault(conversation, turn, rubric) if score < rubric.threshold else "")
        or _clauses(conversation, turn, reason, reason_quotes, attributions)
        or _reason(reason, reason_quotes)
        or _attributed(conversation, turn, attributions)
        or _edited(turn, contrast)
        or _unexplained(f"Turn {turn}", rubric, score, attributions)
    )


def not_low(turn: int, rubric: Rubric, score: float) -> str:
    """Return the sentence for a turn above its threshold that is of a group of low ones.

    What raises a good score says nothing of such a group.
    """
    return f"Turn {turn} scores {score:.2f} on {rubric.id}: by itself it is not below the threshold."


def says_why(sentence: str) -> bool:
    """Return whether a headline says why a turn has its score, and not only that this is not known."""
    return not sentence.endswith(tuple(f"; {why}." for why in (UNEXPLAINED, _NOTHING_FOUND)))


def _fault(conversation: Conversation, turn: int, rubric: Rubric) -> str:
    names = {rubric.id, rubric.category}
    sentence = contradiction(conversation, turn) if names & _CONTRADICTION_COUNTS else ""
    return sentence or (repetition(conversation, turn) if names & _REPETITION_COUNTS else "")


def repetition(conversation: Conversation, turn: int) -> str:
    """Return the sentence for a reply that repeats an earlier one of the assistant; empty where it does not."""
    words = _words(conversation.turns[turn].content)
    if len(words) < _LEAST_WORDS:
        return ""
    earlier = [
        (i, _words(before.content))
        for i, before in enumerate(conversation.turns[:turn])
        if before.role == "assistant" and before.content.strip()
    ]
    if same := [i for i, before in earlier if before == words]:
        return f"Turn {turn} repeats turn {same[-1]} word for word."
    near = [i for i, before in earlier if _is_near(words, before)]
    return f"Turn {turn} repeats turn {near[-1]} almost word for word." if near else ""


def _is_near(words: Sequence[str], before: Sequence[str]) -> bool:
    matcher = difflib.SequenceMatcher(None, words, before, autojunk=False)
    return matcher.real_quick_ratio() >= _NEARLY and matcher.quick_ratio() >= _NEARLY and matcher.ratio() >= _NEARLY


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _clauses(
    conversation: Conversation,
    turn: int,
    reason: str | None,
    quotes: QuoteCheck | None,
    attributions: Sequence[Attribution],
) -> str:
    """Return the sentence for a head's reason, which says what the reply does; empty where that is no fault.

    The words of the reply that its score depends on most follow.
    """
    clause = next(iter(fault_clauses(one_line(reason or ""))), "") if quotes is None else ""
    if not clause:
        return ""
    link = " has" if _NOUN.match(clause) else "" if _VERB.match(clause) else ":"
    beginning = f"Turn {turn}{link} {clause[0].lower()}{clause[1:]}"
    levels = _measured(attributions)
    effects = reply_effects(levels, turn)
    if not effects:
        return _cut(f"{beginning}.")
    strongest = max(effects, key=lambda effect: effect.rank)
    return f"{_cut(beginning, _CLAUSE_WORDS)}; its score depends most on {_words_of(conversation, levels, strongest)}."


def _reason(reason: str | None, quotes: QuoteCheck | None) -> str:
    """Return the first sentence of the judge's reason, introduced as the judge's; empty where it is not to be said.

    A quote that stands before the reason comes first, shortened: it says which words the reason is about.
    """
    text = one_line(reason or "").removesuffix(READING_TOO)
    if not text or quotes in ("missing", None):
        return ""
    judge = "The judge, about an earlier reply" if quotes == "earlier_reply" else "The judge"
    if match := _QUOTE_BEFORE.match(text):
        link = "," if quotes == "earlier_reply" else " on"
        judge, text = f"{judge}{link} “{_cut(match[1], _REASON_QUOTE)}”", text[match.end() :]
    first = next((unit.of(text).strip() for unit in segment(text, "sentence") if unit.of(text).strip()), "")
    return _cut(f"{judge}: {first}")


def _attributed(conversation: Conversation, turn: int, attributions: Sequence[Attribution]) -> str:
    """Return the sentence for the words, or the earlier turn, with the largest effect beyond noise; empty if none."""
    levels = _measured(attributions)
    effects = [*reply_effects(levels, turn), *earlier_turn_effects(levels, turn)]
    if not effects:
        return ""
    strongest = max(effects, key=lambda effect: effect.rank)
    before = conversation.turns[strongest.unit.turn]
    place = "" if strongest.unit.turn == turn else f"turn {strongest.unit.turn} ({before.role}): "
    return f"The score of turn {turn} depends most on {place}{_words_of(conversation, levels, strongest)}."


def _measured(attributions: Sequence[Attribution]) -> list[Attribution]:
    return [level for level in attributions if level.of_reply_score and level.score is not None]


def _words_of(conversation: Conversation, levels: Sequence[Attribution], effect: UnitEffect) -> str:
    text = effect.unit.of(conversation.turns[effect.unit.turn].content)
    quoted = _cut(text.strip(), _QUOTED_WORDS, _QUOTED_CHARACTERS)
    return f"“{quoted}” {_scores(levels[0].score or 0.0, effect)}"


def _scores(score: float, effect: UnitEffect) -> str:
    """Return the score with a unit and without it, in brackets."""
    without = COUNTS_WITH_OTHERS if effect.needs_others else f"without it {effect.without:.2f}"
    return f"(score {score:.2f}; {without})"


def _edited(turn: int, contrast: Contrast | None) -> str:
    if contrast is None or not contrast.found or contrast.score_before is None or contrast.score_after is None:
        return ""
    words = "1 changed word moves" if contrast.edit_distance == 1 else f"{contrast.edit_distance} changed words move"
    return f"{words} the score of turn {turn} from {contrast.score_before:.2f} to {contrast.score_after:.2f}."


def _unexplained(subject: str, rubric: Rubric, score: float, attributions: Sequence[Attribution]) -> str:
    measured = any(level.of_reply_score and level.full is not None for level in attributions)
    why = _NOTHING_FOUND if measured else UNEXPLAINED
    return f"{subject} scores {score:.2f} on {rubric.id}; {why}."


def _of_conversation(
    conversation: Conversation,
    rubric: Rubric,
    score: float | None,
    reason: str | None,
    quotes: QuoteCheck | None,
    attributions: Sequence[Attribution],
    contrast: Contrast | None,
) -> str:
    """Return the sentence for a judged conversation: the turn that raised or sank its score, else what there is."""
    if score is None:
        return _cut(f"The conversation has no score on {rubric.id}: {reason or 'the judge gave none'}")
    return (
        _decisive_turn(conversation, rubric, score, attributions)
        or _reason(reason, quotes or "none")
        or _edited_conversation(contrast)
        or _unexplained("The conversation", rubric, score, attributions)
    )


def _decisive_turn(
    conversation: Conversation, rubric: Rubric, score: float, attributions: Sequence[Attribution]
) -> str:
    """Return the sentence for the turn with the largest effect beyond noise; empty where there is none."""
    effects = conversation_turn_effects([level for level in attributions if level.of_reply_score])
    if not effects:
        return ""
    strongest = effects[0]
    place = strongest.unit.turn
    turn = conversation.turns[place]
    text = _cut(turn.content, _QUOTED_WORDS, _QUOTED_CHARACTERS)
    verb = "raises" if strongest.effect > 0 else "lowers"
    return f"Turn {place} ({turn.role}) {verb} {rubric.id} most: “{text}” {_scores(score, strongest)}."


def _edited_conversation(contrast: Contrast | None) -> str:
    if contrast is None or not contrast.found or contrast.score_before is None or contrast.score_after is None:
        return ""
    places = sorted({edit.unit.turn for edit in contrast.edits})
    turns = f"turn {places[0]}" if len(places) == 1 else f"turns {', '.join(map(str, places))}"
    words = "1 changed word" if contrast.edit_distance == 1 else f"{contrast.edit_distance} changed words"
    moves = "moves" if contrast.edit_distance == 1 else "move"
    scores = f"from {contrast.score_before:.2f} to {contrast.score_after:.2f}"
    return f"{words} in {turns} {moves} the score of the conversation {scores}."


def _cut(text: str, words: int = _WORDS, characters: int = _CHARACTERS) -> str:
    """Return a text as one line of at most so many words and characters."""
    line = one_line(text)
    parts = line.split(" ")
    short = " ".join(parts[:words])
    if len(short) > characters:
        short = short[: characters - 1].rstrip()
    return line if short == line else f"{short.rstrip('.,;:')}…"
