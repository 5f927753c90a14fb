"""The topicality of what an edit adds: how much more probable the conversation makes it. Pure functions."""

import math
from collections.abc import Sequence

from convexplain.models.editing import TokenLogprob
from convexplain.text.segmentation import segment

from .naturalness import TextSpan, edited_passage

_LEAST_WORDS = 4  # of a sentence that says something: "Yes." and "Sorry, Ann." fit everywhere
_NEW = 0.5  # share of a sentence's characters, without spaces, from which on it counts as a new one


def added_sentences(before: str, after: str) -> list[TextSpan]:
    """Return the sentences of the edited text that the edit brought: of four words and more, at least half new."""
    passage = edited_passage(before, after)
    if passage is None:
        return []
    sentences = []
    for unit in segment(after, "sentence"):
        text = unit.of(after).strip()
        if len(segment(text, "word")) < _LEAST_WORDS:
            continue
        start = unit.start + len(unit.of(after)) - len(unit.of(after).lstrip())
        sentence = TextSpan(start, start + len(text))
        parts = (
            after[max(sentence.start, added.start) : max(sentence.start, min(sentence.end, added.end))]
            for added in passage.added
        )
        if sum(map(_size, parts)) >= _NEW * _size(text):
            sentences.append(sentence)
    return sentences


def topicality(in_conversation: Sequence[TokenLogprob], alone: Sequence[TokenLogprob]) -> float:
    """Return how much more probable the conversation before it makes a text: nats for each token.

    That is the pointwise mutual information of text and conversation, for each token.

    Args:
        in_conversation: the text's tokens after the conversation and the turn's earlier sentences.
        alone: the same tokens as a turn of the assistant that begins a conversation.

    Returns:
        About 0.1 for a sentence of another conversation, about 1 for one of its own; not bounded. 0 without tokens.
    """
    if not in_conversation:
        return 0.0
    gain = math.fsum(token.logprob for token in in_conversation) - math.fsum(token.logprob for token in alone)
    return gain / len(in_conversation)


def _size(text: str) -> int:
    return sum(not character.isspace() for character in text)
