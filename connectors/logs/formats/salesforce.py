"""Salesforce: transcripts of live chats, which are HTML in one field, and entries of conversations, a row each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import counted, first_text
from convexplain.connectors.logs.engine.html_text import html_to_text
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_LINE = re.compile(r"\(\s*(?P<after>(?:\d+h\s?)?(?:\d+m\s?)?\d+s)\s*\)\s*(?P<name>[^:\n]{1,80}):\s?(?P<text>.*)")
_BEGIN = re.compile(r"\(\s*(?:\d+h\s?)?(?:\d+m\s?)?\d+s\s*\)\s*[^:\n]{1,80}:")
_AGENT = re.compile(r"Agent (?P<name>[^\n<:]{1,60}?)(?: (?:successfully|has|joined|left|transferred)\b.*)?")
_TO_AGENT = re.compile(r"Chat Transferred From (?P<first>.{1,60}?) To (?P<name>.{1,60})")
_STARTED = re.compile(r"\s*Chat Started\b")
_EVENT = re.compile(r"(?:Chat [A-Z]\w+\b|Agent |Owner |Visitor )[^\n]{0,200}")
_LATER_EVENT = re.compile(
    r"Agent .{1,60} (?:successfully|has|joined|left|transferred)\b.*"
    r"|Chat (?:Transferred|Ended|Duration|Closed)\b.{0,200}"
)
_FIRST_LINES = 40
_MARKUP = re.compile(r"<(?:p|br|b|div|span)\b", re.IGNORECASE)
_CENTERED = re.compile(r"""<p\s+align=["']?center["']?\s*>(.{0,300}?)</p>""", re.IGNORECASE | re.DOTALL)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a transcript: who is announced as an agent is the assistant."""
    body = first_text(record, "Body")
    conversation = _DESCRIBED.read_conversation({**record, "Body": None}, [])
    conversation.aside.append(body)  # each line of it is a turn's or counted
    if _MARKUP.search(body):
        events = [html_to_text(event) for event in _CENTERED.findall(body)]
        body = html_to_text(_CENTERED.sub("\n", body).replace("<br>\n", "<br>"))
    else:
        events = []
    _add_lines(conversation, body.split("\n"), events)
    return [conversation]


def is_text(head: str) -> bool:
    """Return whether a text begins with such a chat: what the chat announces, and turns after so many seconds."""
    lines = [line.strip() for line in head.split("\n", _FIRST_LINES)[:_FIRST_LINES] if line.strip()]
    first = next((place for place, line in enumerate(lines) if _LINE.fullmatch(line)), None)
    return first is not None and all(map(_EVENT.fullmatch, lines[:first]))


def read_text(text: LogText, _assistant: frozenset[str], _report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the chats in a text; each begins with `Chat Started`."""
    began, lines, count = 1, list[str](), 0
    for number, raw in text.lines():
        line = raw.rstrip("\r\n")
        if _STARTED.match(line) and any(map(str.strip, lines)):
            count += 1
            yield _chat(began, count, lines)
            began, lines = number, []
        lines.append(line)
    if any(map(str.strip, lines)):
        yield _chat(began, count + 1, lines)


def _chat(began: int, number: int, lines: Sequence[str]) -> ParsedRecord:
    conversation = ParsedConversation([])
    _add_lines(conversation, lines, [])
    return ParsedRecord(began, number, None, [conversation])


def _add_lines(conversation: ParsedConversation, lines: Sequence[str], events: list[str]) -> None:
    """Add the turns in the lines of a chat; what the chat announces, in the lines or in `events`, is no turn."""
    turns: list[tuple[str, str, list[str]]] = []
    for line in lines:
        if match := _LINE.fullmatch(line.strip()):
            turns.append((match["name"].strip(), match["after"], [match["text"]]))
        elif line.strip() and (not turns or _LATER_EVENT.fullmatch(line.strip())):
            events.append(line.strip())
        elif turns:
            turns[-1][2].append(line)
    agents = {
        name
        for event in events
        for match in (_AGENT.fullmatch(event), _TO_AGENT.fullmatch(event))
        for name in (match.groupdict().values() if match else ())
        if name
    }
    for name, after, texts in turns:
        speaker = "assistant" if name in agents else "user" if agents else name
        conversation.turns.append(ParsedTurn(speaker, "\n".join(texts).strip(), name, None, {"after": after}))
    if events:
        conversation.remarks.append(f"left out: {counted(len(events), 'events of the chat')}")
        conversation.aside += events


_DESCRIBED = DescribedFormat(
    "salesforce",
    "Salesforce's transcripts of live chats (`Body`); the agents that they announce are the assistant.",
    '{"Id": "570x1", "ChatKey": "k1", "Body": "<p align=\\"center\\">Agent Mia</p>( 12s ) Ann: Hi<br>( 40s ) Mia: '
    'Hello<br>"}',
    keys=("Body",),
    test=lambda record: isinstance(record["Body"], str) and bool(_BEGIN.search(record["Body"][:2000])),
    turns="turns[*]",
    id="ChatKey|Id",
    unused=("Body",),
)
SALESFORCE = replace(_DESCRIBED.log_format(), read_record=read_record)

SALESFORCE_TEXT = LogFormat(
    "salesforce-text",
    "Salesforce's transcripts of live chats as plain text; the agents that they announce are the assistant.",
    "Chat Started: Thursday, May 02, 2024, 10:00:00 (+0000)\nChat Origin: Support\nAgent Mia\n( 12s ) Ann: Hi\n"
    "( 40s ) Mia: Hello\n",
    is_text=is_text,
    read_text=read_text,
)

SALESFORCE_ENTRIES = DescribedFormat(
    "salesforce-entries",
    "Rows of Salesforce's ConversationEntry; what is no text is left out.",
    '{"ConversationId": "0Mw1", "ActorType": "EndUser", "ActorName": "Ann", "EntryType": "Text", "EntryTime": '
    '"2024-05-01T10:00:00Z", "Message": "Hi"}\n'
    '{"ConversationId": "0Mw1", "ActorType": "Bot", "ActorName": "Shop", "EntryType": "Text", "EntryTime": '
    '"2024-05-01T10:00:01Z", "Message": "Hello"}',
    keys=("ConversationId", "ActorType", "Message"),
    group="ConversationId",
    role="ActorType",
    roles={
        "EndUser": "user",
        "Agent": "assistant",
        "Bot": "assistant",
        "System": "assistant",
        "Supervisor": "assistant",
    },
    content="Message",
    speaker_name="ActorName",
    at="EntryTime",
    order="EntryTime",
    left_out={"ActorType=Supervisor": "messages of supervisors to agents", "EntryType!=Text": "events"},
    unused=("ConversationId", "EntryType"),
    precedence=1,
).log_format()
