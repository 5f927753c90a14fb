"""Amazon Connect and Contact Lens: chats and calls, also the output of Transcribe's call analytics."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import Content, DescribedFormat
from convexplain.connectors.logs.engine.fields import decoded_json, first_text, object_at, objects
from convexplain.connectors.logs.engine.parse_results import ParsedConversation

_ROLES = {
    "CUSTOMER": "user",
    "AGENT": "assistant",
    "SYSTEM": "assistant",
    "CUSTOM_BOT": "assistant",
    "SUPERVISOR": "assistant",
}


def message_content(message: Mapping[str, Any]) -> Content:
    """Return the text of a message and its files."""
    files = objects(message.get("Attachments"))
    names = [first_text(file, "AttachmentName") for file in files]
    return [_message_text(message), *({"type": "file", "filename": name} for name in names)]


def _message_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message; of an interactive one its title and its choices."""
    text = first_text(message, "Content")
    if "interactive" not in first_text(message, "ContentType"):
        return text
    decoded = decoded_json(text)
    content = object_at(decoded, "data", "content") or object_at(decoded, "data")
    titles = [first_text(content, "title"), first_text(content, "subtitle")]
    choices = [title for element in objects(content.get("elements")) if (title := first_text(element, "title"))]
    picked = first_text(content, "selectedOption") or first_text(object_at(decoded, "data"), "selectedOption")
    lines = [*filter(None, titles), *([f"[buttons: {' | '.join(choices)}]"] if choices else []), picked]
    return "\n".join(filter(None, lines)) or text


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a record, with the roles of the participants that only an id names."""
    roles = {
        first_text(participant, "ParticipantId"): first_text(participant, "ParticipantRole")
        for participant in objects(record.get("Participants"))
    }
    transcript = record.get("Transcript")
    if isinstance(transcript, list) and any(roles.values()):
        messages = [
            {**item, "ParticipantRole": roles.get(first_text(item, "ParticipantId"), "")}
            if isinstance(item, dict) and not first_text(item, "ParticipantRole")
            else item
            for item in transcript
        ]
        record = {**record, "Transcript": messages}
    return _DESCRIBED.read_record(record)


_DESCRIBED = DescribedFormat(
    "amazon-connect",
    "Amazon Connect's chats, Contact Lens' and Transcribe's call analytics; what the system or a bot writes is the "
    "assistant's.",
    '{"ContactId": "c", "Transcript": [{"ParticipantRole": "CUSTOMER", "Type": "MESSAGE", "ContentType": '
    '"text/plain", "Content": "Hi"}, {"ParticipantRole": "AGENT", "Type": "MESSAGE", "ContentType": "text/plain", '
    '"Content": "Hello"}]}',
    keys=(
        "Transcript[*].ParticipantRole|Transcript[*].ParticipantId|Segments[*].Transcript.ParticipantRole",
        "Transcript[*].Content|Segments[*].Transcript.Content",
    ),
    turns="Transcript[*]|Segments[*].Transcript",
    role="ParticipantRole|ParticipantId",
    roles=_ROLES,
    content=message_content,
    speaker_name="DisplayName",
    at="AbsoluteTime|Time.AbsoluteTime",
    left_out={"Type=EVENT": "events"},
    id="ContactId|CustomerMetadata.ContactId|SessionId|JobName",
    unused=(
        "AbsoluteTime",
        "Attachments",
        "Content",
        "ContentType",
        "DisplayName",
        "Items",
        "LoudnessScore",
        "LoudnessScores",
        "ParticipantId",
        "ParticipantRole",
        "Participants",
        "Segments",
        "Time",
        "Type",
    ),
)
AMAZON_CONNECT = replace(_DESCRIBED.log_format(), read_record=read_record)
