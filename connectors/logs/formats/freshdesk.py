"""Freshdesk and Freshservice: tickets with their conversations. Private notes are left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text, objects
from convexplain.connectors.logs.engine.html_text import html_to_text
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter

_TICKET_KEYS = ("created_at", "attachments", "description", "description_text")


def entry_text(entry: Mapping[str, Any]) -> str:
    """Return the text of an entry."""
    return first_text(entry, "body_text", "description_text") or html_to_text(first_text(entry, "body", "description"))


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations of tickets; what a ticket asks is its description."""
    return _DESCRIBED.read_records([(position, _with_question(record)) for position, record in records], report)


def _with_question(record: Mapping[str, Any]) -> Mapping[str, Any]:
    if "conversations" not in record:
        return record
    question = {key: record[key] for key in _TICKET_KEYS if key in record}
    question |= {"incoming": True, "private": False, "subject": record.get("subject")}
    entries = (
        [question, *objects(record["conversations"])] if entry_text(question) else objects(record["conversations"])
    )
    return {"conversations": [{"ticket_id": record.get("id"), **entry} for entry in entries]}


_DESCRIBED = DescribedFormat(
    "freshdesk",
    "Freshdesk's and Freshservice's tickets with their conversations; private notes are left out.",
    '{"id": 3, "subject": "Help", "description_text": "Hi", "conversations": [{"id": 4, "body_text": "Hello", '
    '"incoming": false, "private": false, "user_id": 8}]}',
    keys=(
        "conversations[*].incoming|incoming",
        "conversations[*].private|private",
        "conversations[*].body_text|conversations[*].body|body_text|body",
    ),
    turns="conversations[*]|",
    group="ticket_id",
    role="incoming",
    roles={"true": "user", "false": "assistant"},
    content=entry_text,
    attachments="attachments[*]",
    order="created_at",
    left_out={"private": "private notes"},
    unused=(
        *("body", "body_text", "private", "ticket_id", "attachments", "description", "description_text"),
        *("to_emails", "cc_emails", "bcc_emails", "updated_at"),
    ),
    precedence=1,
)
FRESHDESK = replace(_DESCRIBED.log_format(), read_records=read_records)
