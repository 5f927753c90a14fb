"""Transcripts that stand as a text in a field of a record or in a cell: `User: …`, `Bot: …`, a line each."""

import io
from pathlib import Path

from convexplain.connectors.logs.formats import plain

from .log_text import LogText
from .parse_results import ParsedTurn
from .roles import role_of

_MOST_LINES = 200


def looks_like_transcript(text: str) -> bool:
    """Return whether a text is a transcript whose speakers' words tell the user and the assistant."""
    lines = [line for line in text.splitlines()[:_MOST_LINES] if line.strip()]
    if len(lines) < 2 or not _starts(lines[0]):
        return False
    return {"user", "assistant"} <= {role_of(word) for line in lines if (word := _starts(line))}


def transcript_turns(text: str) -> list[ParsedTurn]:
    """Return the turns of a transcript; none where no line begins a turn."""
    log_text = LogText(Path("transcript"), io.BytesIO(text.encode("utf-8", "replace")), lambda *_, **__: None)
    records = plain.read_text(log_text, frozenset(), lambda *_, **__: None)
    return [turn for record in records for parsed in record.conversations for turn in parsed.turns]


def _starts(line: str) -> str:
    """Return the word of the speaker whose turn a line begins; "" for none."""
    start = plain.parse_stamped_line(line) or plain.parse_spoken_line(line, frozenset())
    return "" if start is None else start.word or ""
