"""Zammad: the articles of tickets. Internal notes are left out."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text
from convexplain.connectors.logs.engine.html_text import html_to_text


def article_text(article: Mapping[str, Any]) -> str:
    """Return the text of an article."""
    body = first_text(article, "body")
    return html_to_text(body) if "html" in first_text(article, "content_type") else body


_PLACES = ("articles", "assets.TicketArticle")
_KEYS = ("ticket_id", "sender", "internal", "body")

ZAMMAD = DescribedFormat(
    "zammad",
    "Zammad's articles of tickets: the customer's, and the agents' and the system's, who are the assistant; internal "
    "notes are left out.",
    '[{"id": 1, "ticket_id": 9, "sender": "Customer", "internal": false, "body": "Hi", "content_type": "text/plain"}, '
    '{"id": 2, "ticket_id": 9, "sender": "Agent", "internal": false, "body": "<p>Hello</p>", "content_type": '
    '"text/html"}]',
    keys=tuple("|".join([*(f"{place}[*].{key}" for place in _PLACES), key]) for key in _KEYS),
    turns="|".join([*(f"{place}[*]" for place in _PLACES), ""]),
    group="ticket_id",
    role="sender",
    roles={"Customer": "user", "Agent": "assistant", "System": "assistant"},
    content=article_text,
    attachments="attachments[*]",
    speaker_name="from",
    order="id",
    left_out={"internal": "internal notes"},
    unused=("body", "content_type", "internal", "sender", "ticket_id", "attachments", "to", "cc"),
    precedence=1,
).log_format()
