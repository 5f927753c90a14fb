"""Salesforce: transcripts of live chats, which are HTML in one field, and entries of conversations, a row each."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text
from convexplain.connectors.logs.engine.html_text import html_to_text
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_LINE = re.compile(r"\(\s*(?P<after>(?:\d+h\s?)?(?:\d+m\s?)?\d+s)\s*\)\s*(?P<name>[^:\n]{1,80}):\s?(?P<text>.*)")
_BEGIN = re.compile(r"\(\s*(?:\d+h\s?)?(?:\d+m\s?)?\d+s\s*\)\s*[^:\n]{1,80}:")
_AGENT = re.compile(r"Agent (?P<name>[^\n<:]{1,60}?)(?: (?:successfully|has|joined|left|transferred)\b.*)?")
_TO_AGENT = re.compile(r"Chat Transferred From (?P<first>.{1,60}?) To (?P<name>.{1,60})")
_CENTERED = re.compile(r"""<p\s+align=["']?center["']?\s*>(.{0,300}?)</p>""", re.IGNORECASE | re.DOTALL)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a transcript: who is announced as an agent is the assistant."""
    body = first_text(record, "Body")
    events = [html_to_text(event) for event in _CENTERED.findall(body)]
    agents = {
        name
        for event in events
        for match in (_AGENT.fullmatch(event), _TO_AGENT.fullmatch(event))
        for name in (match.groupdict().values() if match else ())
        if name
    }
    conversation = _DESCRIBED.read_conversation({**record, "Body": None}, [])
    turns: list[tuple[str, str, list[str]]] = []
    before = 0
    for line in html_to_text(_CENTERED.sub("\n", body).replace("<br>\n", "<br>")).split("\n"):
        if match := _LINE.fullmatch(line.strip()):
            turns.append((match["name"].strip(), match["after"], [match["text"]]))
        elif turns:
            turns[-1][2].append(line)
        elif line.strip():
            before += 1
    for name, after, texts in turns:
        speaker = "assistant" if name in agents else "user" if agents else name
        conversation.turns.append(ParsedTurn(speaker, "\n".join(texts).strip(), name, None, {"after": after}))
    if events or before:
        conversation.remarks.append(f"left out: {len(events) + before} events of the chat")
    return [conversation]


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
