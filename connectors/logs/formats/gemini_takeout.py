"""Gemini's activity as Google's Takeout exports it: an exchange a record, the prompt in the title."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import count_summary, file_placeholder, first_text, objects
from convexplain.connectors.logs.engine.html_text import html_to_text
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_PRODUCT = re.compile(r"\b(?:Gemini|Bard)\b")
_PROMPT = re.compile(r"(?:Prompted(?: with:)?|Asked(?: Gemini:| Bard:)?|Said|Branched|Answered)\s+", re.IGNORECASE)
_USED_KEYS = ("title", "time", "safeHtmlItem", "header", "products", "activityControls", "attachedFiles", "imageFile")


def is_takeout(value: Any) -> bool:
    """Return whether a JSON value is a record of Gemini's activity."""
    if not isinstance(value, dict) or not {"header", "title", "time"} <= value.keys():
        return False
    return _PRODUCT.search(first_text(value, "header")) is not None


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the exchange in each record; other activities (settings, feedback, files) are counted in a remark."""
    activities: Counter[str] = Counter()
    aside: list[Any] = []
    number = 0
    for position, record in records:
        conversation = _parse_exchange(record)
        if conversation is None:
            activities[first_text(record, "title").partition(" ")[0] or "without a title"] += 1
            aside.append(record)
            continue
        number += 1
        if number == 1:
            conversation.remarks.append(
                "the export does not say which prompts belong together: each prompt with its answer is a conversation"
            )
        conversation.aside += aside
        aside = []
        yield ParsedRecord(position, number, None, [conversation])
    if activities:
        report(
            None,
            f"{activities.total()} activities that are no prompts are left out ({count_summary(activities)})",
            kept=True,
        )


def _parse_exchange(record: Mapping[str, Any]) -> ParsedConversation | None:
    """Return the exchange in a record; None where it is another activity."""
    title = first_text(record, "title")
    answers = record.get("safeHtmlItem")
    answers = [answers] if isinstance(answers, dict) else objects(answers)
    answer = "\n\n".join(filter(None, (html_to_text(first_text(item, "html", "htmlValue")) for item in answers)))
    verb = _PROMPT.match(title)
    if verb is None and not answer:
        return None
    files = [file_placeholder(None, name) for name in _file_names(record)]
    prompt = "\n".join(filter(None, [title[verb.end() :] if verb else title, *files]))
    at = parse_timestamp(record.get("time"))
    turns = [ParsedTurn(speaker, text, None, at) for speaker, text in (("user", prompt), ("assistant", answer)) if text]
    remarks = [] if verb else ["the prompt begins with the activity's verb, in a language that is not known"]
    aside = [
        title,
        *map(record.get, ("header", "products", "activityControls")),
    ]  # the prompt without its verb; notices
    return ParsedConversation(turns, extra_metadata(record, _USED_KEYS), remarks, aside=aside)


def _file_names(record: Mapping[str, Any]) -> list[str]:
    files = record.get("attachedFiles")
    names = [name for name in files if isinstance(name, str)] if isinstance(files, list) else []
    return names + [name for name in (record.get("imageFile"),) if isinstance(name, str)]


GEMINI_TAKEOUT = LogFormat(
    "gemini-takeout",
    "Gemini's activity from Google's Takeout (MyActivity.json): an exchange a record.",
    '[{"header": "Gemini Apps", "title": "Prompted Hi", "time": "2026-03-02T09:15:00.000Z", "products": '
    '["Gemini Apps"], "safeHtmlItem": [{"html": "<p>Hello</p>"}]}]',
    is_takeout,
    read_records=read_records,
)
