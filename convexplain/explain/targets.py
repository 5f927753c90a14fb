"""Targets of attributions: a span of a reply that is explained in the place of the reply."""

import re
from typing import TypeAlias

from convexplain.errors import UsageError

Target: TypeAlias = str | tuple[int, int]
"""A text that occurs once in the reply, or its first character and its end there."""


def check_target(target: Target) -> None:
    """Check that a target may be one of some reply.

    Raises:
        UsageError: it is no text with words, and no span.
    """
    span = isinstance(target, tuple) and len(target) == 2 and all(isinstance(offset, int) for offset in target)
    if not (target.strip() if isinstance(target, str) else span and 0 <= target[0] < target[1]):
        raise UsageError(
            f"target={target!r} is not valid; valid are a text that occurs once in the reply, or (first character, end)"
        )


def target_span(reply: str, target: Target) -> tuple[int, int]:
    """Return the target's first character and its end in the reply, without white space around it.

    White space between the words of a text may be any.

    Raises:
        UsageError: the reply has no such text or span, has the text several times, or the span is blank.
    """
    if isinstance(target, str):
        words = r"\s+".join(map(re.escape, target.split()))
        spans = [match.span(1) for match in re.finditer(f"(?=({words}))", reply)]
        if not spans:
            raise UsageError(f"target={target!r} is not valid: the reply does not contain it, letter for letter")
        if len(spans) > 1:
            raise UsageError(
                f"target={target!r} is not valid: the reply contains it {len(spans)} times; take a longer text, or "
                f"(first character, end), as {spans[0]}"
            )
        return spans[0]
    start, end = target
    text = reply[start:end]
    if end > len(reply) or not text.strip():
        why = "it is blank there" if end <= len(reply) else f"it has {len(reply)} characters"
        raise UsageError(f"target={target!r} is not valid: the reply has no such span; {why}")
    return start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
