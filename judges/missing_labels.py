"""Reasons why a judge's reply has no label, in sentences for people.

A reason holds nothing that differs from turn to turn, so that equal ones can be counted together. The judge's own
words are in the evidence.
"""

from collections import Counter
from collections.abc import Sequence

from convexplain.models.chat import NoAnswer, Reply

from .labels import parse_label
from .written_labels import is_refusal, label_places

REFUSED = "the judge refused to answer"
_NO_ANSWER: dict[NoAnswer, str] = {
    "refusal": REFUSED,
    "filter": "the provider's content filter stopped the judge's reply before its label",
    "tool": "the judge called a tool and gave no label",
    "thoughts": "the judge's reply holds thoughts only, and no label after them",
}
_EXCERPT = 200  # characters of a refusal


def reply_label(reply: Reply, opening: str, labels: Sequence[str]) -> str | None:
    """Return the label that a reply's text gives; None where it gives none, more than one, or is a refusal."""
    return None if reply.no_answer == "refusal" else parse_label(reply.text, opening, labels)


def is_stopped(reply: Reply, opening: str, labels: Sequence[str]) -> bool:
    """Return whether a reply shows nothing of how the model answers: it is empty, a refusal, or was stopped."""
    if reply_label(reply, opening, labels) is not None:
        return False
    return reply.no_answer is not None or not reply.text.strip() or is_refusal(reply.text)


def missing_label_reason(reply: Reply, opening: str, labels: Sequence[str]) -> str:
    """Return the reason why no label could be had from a reply.

    Args:
        reply: the judge's reply.
        opening: how it was asked to begin, up to the label.
        labels: the valid labels.
    """
    if reply.no_answer in ("refusal", "filter", "tool"):
        return _NO_ANSWER[reply.no_answer]
    places = label_places(reply.text, opening, labels)
    names = {name for place in places for name in place.labels}
    if len(names) > 1:
        return f"the judge's reply gives more than one label: {' and '.join(name for name in labels if name in names)}"
    if names:
        return "the model gave no log-probabilities at the label of its reply"
    if is_refusal(reply.text):
        return REFUSED
    if reply.truncated:
        after = f" after {reply.completion_tokens:,} tokens" if reply.completion_tokens else ""
        if reply.no_answer == "thoughts":
            return f"the judge was still thinking when its reply was cut{after}"
        return f"the judge's reply was cut{after}, before its label"
    if reply.no_answer is not None:
        return _NO_ANSWER[reply.no_answer]
    if not reply.text.strip():
        return "the judge's reply is empty"
    if places:
        return f"the judge's reply gives a label that is none of the rubric's ({', '.join(labels)})"
    return "no label could be read from the judge's reply"


def refusal_notes(replies: Sequence[Reply]) -> tuple[str, ...]:
    """Return a note with the words of the first refusal among replies without a label; none where there is none."""
    for reply in replies:
        words = " ".join(reply.text.split())
        if words and (reply.no_answer == "refusal" or is_refusal(words)):
            excerpt = f"{words[:_EXCERPT].rstrip()}…" if len(words) > _EXCERPT else words
            return (f'the judge refused with the words "{excerpt}"',)
    return ()


def count_reasons(reasons: Sequence[str]) -> str:
    """Return the reasons in words, the most frequent first, each with its number where there are several."""
    counts = Counter(reasons).most_common()
    return "; ".join(f"{reason} ({count:,})" if len(counts) > 1 else reason for reason, count in counts)
