"""Copilot Studio (Power Virtual Agents): rows of Dataverse's table of transcripts, whose contents are activities."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import decoded_json, first_text, object_at, objects
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, UnreadableError

from .botframework import activity_text

_CONTENTS = ("Content", "content")
_FIRST = 20
_START = 200


def is_transcript(value: Any) -> bool:
    """Return whether a JSON value is a row with a transcript, or a transcript by itself: its roles are numbers."""
    if not isinstance(value, dict):
        return False
    content = next((value[key] for key in _CONTENTS if value.get(key)), value)
    if isinstance(content, str):
        return content.lstrip().startswith("{") and '"activities"' in content[:_START]
    activities = objects(content.get("activities")) if isinstance(content, dict) else []
    return any(isinstance(object_at(activity, "from").get("role"), int) for activity in activities[:_FIRST])


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a row.

    Raises:
        UnreadableError: its content is no JSON.
    """
    content = next((record[key] for key in _CONTENTS if record.get(key)), record)
    decoded = decoded_json(content)
    if not isinstance(decoded, dict):
        raise UnreadableError("the content is no JSON object")
    row = {key: value for key, value in record.items() if key not in _CONTENTS}
    conversations = _DESCRIBED.read_record({**row, "activities": decoded.get("activities")})
    outcomes = [first_text(object_at(item, "value"), "outcome", "lastSessionOutcome") for item in _traces(decoded)]
    if outcome := next(filter(None, reversed(outcomes)), ""):
        conversations[0].metadata["outcome"] = outcome
    return conversations


def _traces(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item for item in objects(content.get("activities")) if item.get("type") == "trace"]


_DESCRIBED = DescribedFormat(
    "copilot-studio",
    "Copilot Studio's transcripts, as Dataverse exports them (`Content` with activities).",
    '{"ConversationTranscriptId": "r1", "Content": {"activities": [{"type": "message", "timestamp": 1714557600, '
    '"from": {"id": "u", "role": 1}, "text": "Hi"}, {"type": "message", "timestamp": 1714557601, '
    '"from": {"id": "b", "role": 0}, "text": "Hello"}]}}',
    turns="activities[*]",
    role="from.role",
    roles={"0": "assistant", "1": "user", "bot": "assistant"},
    content=activity_text,
    at="timestamp",
    left_out={"type!=message": "activities that are no messages"},
    id="ConversationTranscriptId|conversationtranscriptid|Conversation Transcript|Name|name",
    unused=("text", "from", "attachments", "suggestedActions", "type", "timestamp", "channelData", "entities"),
    precedence=1,
)
COPILOT_STUDIO = replace(_DESCRIBED.log_format(), is_record=is_transcript, read_record=read_record)
