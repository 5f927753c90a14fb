"""Speakers in lines of their own above their texts: `**Human** - 2024-05-02 10:00`, `## Assistant`, `1. 👤 USER`."""

import re
from collections import Counter
from collections.abc import Sequence

from convexplain.connectors.logs.engine.roles import role_of
from convexplain.connectors.logs.engine.transcript import TurnStart

_MAX_LENGTH = 160
_FEWEST = 2
"""Turns of a speaker without a known word, where there are headings of another kind."""
_MOMENT = re.compile(r"(?:(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4})[ T]+)?(?P<time>\d{1,2}:\d{2}(?::\d{2})?)")
_SPEAKER_HEADING = re.compile(
    r"(?:#{1,6}\s+|\d{1,4}[.)]\s+)?(?P<mark>\*\*|__)?(?P<picture>[^\x00-\x7f\w]{1,6})?\s*(?P<word>\w[^:：*_\n]{0,59}?)(?(mark)(?:\*\*|__))"
    r"(?:\s*[-–—|(\[,]\s*(?P<stamp>\d[\d:./ T-]{3,40})"
    r"(?:\s?(?:[AaPp]\.?[Mm]\.?|[A-Z]{1,5}))?[)\]]?)?"
)
"""A line with a speaker, marked or with a time, above the text: `**Human** - 2024-05-02 10:00`, `## Assistant`."""


def has_headings(lines: Sequence[str]) -> bool:
    """Return whether the speakers of lines stand in lines of their own, and both sides speak."""
    starts = with_partner(lines, [speaker_heading(line, frozenset()) for line in lines])
    words = [start.word for start in starts if start is not None]
    return len(set(words)) > 1 and len(words) * 2 >= sum(map(bool, map(_heading, lines)))


def with_partner(lines: Sequence[str], starts: Sequence[TurnStart | None]) -> list[TurnStart | None]:
    """Return the starts of turns with those of a second speaker who has no known word, where speakers stand in lines of
    their own: `**User**` and `**Cursor**` in turn.
    """
    named = [start for start in starts if start is not None and start.sure]
    if not named or any(start.text for start in named) or len({role_of(start.word or "") for start in named}) > 1:
        return list(starts)
    headings = [_heading(line) for line in lines]
    counts = Counter(word for word, start in zip(headings, starts, strict=True) if word and start is None)
    partner, count = counts.most_common(1)[0] if counts else ("", 0)
    remaining = sum(map(bool, headings)) - count - len(named)  # a title; a document has many headings
    if (
        abs(count - len(named)) > 1
        or (remaining and remaining * 2 > count + len(named))
        or (remaining and count < _FEWEST)
    ):
        return list(starts)
    return [
        TurnStart(partner, "") if start is None and word == partner else start
        for word, start in zip(headings, starts, strict=True)
    ]


def speaker_heading(line: str, assistant: frozenset[str]) -> TurnStart | None:
    """Return a line that names the speaker of the text below as the start of a turn; None for any other line."""
    word = _heading(line)
    if not word or role_of(word, assistant) is None:
        return None
    match = _SPEAKER_HEADING.fullmatch(line.strip())
    stamp = _MOMENT.match(((match and match["stamp"]) or "").strip())
    date, time = (stamp["date"] or "", stamp["time"]) if stamp else ("", "")
    return TurnStart(word, "", True, None, date, time)


def _heading(line: str) -> str:
    """Return the word in a line that may name the speaker of the text below; "" for any other line."""
    match = _SPEAKER_HEADING.fullmatch(line.strip()) if len(line) <= _MAX_LENGTH else None
    if match is None or not (match["mark"] or match["stamp"] or match["picture"] or line.lstrip().startswith("#")):
        return ""
    return match["word"].strip()
