"""WebVTT and SubRip: transcripts of calls and meetings, in cues with their times."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html import unescape

from convexplain.connectors.logs.engine.fields import count_summary
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

from .plain import parse_spoken_line

_TIMING = re.compile(
    r"\s*(?P<start>(?:\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3})\s+-->\s+(?:\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3}.*"
)
_VOICE = re.compile(r"<v(?:\.[\w.-]+)?[ \t]+([^<>]{1,100})>")
_TAG = re.compile(r"</?(?:c|i|b|u|v|ruby|rt|lang|font|\d)[^<>]{0,100}>")
_NO_CUES = ("NOTE", "STYLE", "REGION")


def is_webvtt(head: str) -> bool:
    """Return whether a text that begins so is WebVTT or SubRip."""
    lines = [line for line in head.lstrip("\ufeff").splitlines()[:10] if line.strip()]
    is_subrip = len(lines) > 1 and lines[0].strip().isdecimal() and _TIMING.fullmatch(lines[1]) is not None
    return is_subrip or (bool(lines) and re.match(r"WEBVTT(?:\s|$)", lines[0]) is not None)


def read_text(text: LogText, assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversation in a transcript. Cues of one speaker that follow each other are one turn."""
    cues: list[tuple[str, str]] = []
    left_out: Counter[str] = Counter()
    aside: list[str] = []
    for block in _blocks(text):
        start, lines = _cue(block)
        if start is None:
            aside += lines
            if lines[0].split(maxsplit=1)[0] in _NO_CUES:
                left_out[lines[0].split(maxsplit=1)[0].lower()] += 1
            elif not lines[0].lstrip("\ufeff").startswith("WEBVTT"):
                left_out["blocks without a time"] += 1
        elif lines:
            cues.append((start, "\n".join(lines)))
    conversation = _conversation(cues, assistant)
    conversation.aside = aside
    if left_out:
        conversation.remarks.append(f"what is no cue is left out ({count_summary(left_out)})")
    yield ParsedRecord(1, 1, None, [conversation])


def _blocks(text: LogText) -> Iterator[list[str]]:
    block: list[str] = []
    for _, raw in text.lines():
        if line := raw.strip():
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _cue(block: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Return the time of a cue and its lines, without the line that names it; no time where the block is no cue."""
    for place, line in enumerate(block[:2]):
        if match := _TIMING.fullmatch(line):
            return match["start"], block[place + 1 :]
    return None, block


def _conversation(cues: Sequence[tuple[str, str]], assistant: frozenset[str]) -> ParsedConversation:
    has_voices = any(_VOICE.search(payload) for _, payload in cues)
    turns: list[tuple[str, str, list[str]]] = []
    for start, payload in cues:
        for speaker, words in _voices(payload) if has_voices else _spoken(payload, assistant):
            if turns and (not speaker or speaker == turns[-1][0]):
                turns[-1][2].append(words)
            else:
                turns.append((speaker, start, [words]))
    return ParsedConversation(
        [
            ParsedTurn(speaker, " ".join(filter(None, words)), metadata={"start": start})
            for speaker, start, words in turns
        ]
    )


def _voices(payload: str) -> Iterator[tuple[str, str]]:
    """Yield the speakers in a cue with their words; "" where the cue names none."""
    pieces = _VOICE.split(payload)
    if words := _plain_words(pieces[0]):
        yield "", words
    for speaker, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        yield unescape(speaker).strip(), _plain_words(piece)


def _spoken(payload: str, assistant: frozenset[str]) -> Iterator[tuple[str, str]]:
    for line in payload.split("\n"):
        start = parse_spoken_line(line.lstrip("- "), assistant)
        if start is None or start.word is None:
            yield "", _plain_words(line)
        else:
            yield start.word, _plain_words(start.text)


def _plain_words(text: str) -> str:
    return " ".join(unescape(_TAG.sub("", text)).split())


WEBVTT = LogFormat(
    "webvtt",
    "WebVTT and SubRip: transcripts of calls and meetings with `<v Speaker>` or `Speaker: text`.",
    "WEBVTT\n\n00:01.000 --> 00:02.000\n<v User>Hi</v>\n\n00:03.000 --> 00:04.000\n<v Assistant>Hello</v>\n",
    is_text=is_webvtt,
    read_text=read_text,
)
