"""Chats of text-generation-webui (oobabooga): pairs of a message and its answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from convexplain.connectors.logs.engine.fields import counted, object_at, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_GREETING = "<|BEGIN-VISIBLE-CHAT|>"
"""What stands in the place of a user's message where the character speaks first."""
_SIDES = ("user", "assistant")
_KEYS = ("internal", "visible", "metadata")
_TIME = "%b %d, %Y %H:%M"


def is_history(value: Any) -> bool:
    """Return whether a JSON value is a chat: pairs of texts as the model has them, and as the page shows them."""
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(key), list) for key in ("internal", "visible"))
        and all(isinstance(pair, list) and len(pair) == len(_SIDES) for pair in value["internal"][:5])
    )


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a chat, with the texts that the model has; those of the page are the same in HTML."""
    about = object_at(record, "metadata")
    conversation = ParsedConversation([], extra_metadata(record, _KEYS))
    versions = 0
    for place, pair in enumerate(record["internal"]):
        texts = pair if isinstance(pair, list) else []
        for side, text in zip(_SIDES, texts, strict=False):
            beside = object_at(about, f"{side}_{place}")
            versions += max(len(objects(beside.get("versions"))) - 1, 0)
            conversation.aside.append(beside.get("versions"))
            if isinstance(text, str) and text and text != _GREETING:
                conversation.turns.append(ParsedTurn(side, text, at=_time(beside.get("timestamp"))))
    if versions:
        conversation.remarks.append(f"left out: {counted(versions, 'versions of answers')}")
    return [conversation]


def _time(text: Any) -> datetime | None:
    try:
        return datetime.strptime(text, _TIME) if isinstance(text, str) else None
    except ValueError:
        return None


TEXTGEN_WEBUI = LogFormat(
    "text-generation-webui",
    "Chats of text-generation-webui (`internal` and `visible`).",
    '{"internal": [["Hi", "Hello"]], "visible": [["Hi", "Hello"]], "metadata": {}}',
    is_history,
    read_record,
)
