"""Inspect's evaluation logs: whole ones as JSON, and the samples in `.eval` archives."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_message, parse_messages
from convexplain.connectors.logs.engine.call_payloads import parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, UnreadableError

_ATTACHMENT_PREFIX = "attachment://"
_METADATA_KEYS = ("target", "metadata", "error", "limit", "choices", "score")
_MAX_DEPTH = 8


def is_inspect(value: Any) -> bool:
    """Return whether a JSON value is a log, or one sample of it."""
    if not isinstance(value, dict):
        return False
    return _is_sample(value) or (isinstance(value.get("eval"), dict) and {"version", "status"} <= value.keys())


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversations in a log, one a sample and epoch.

    Raises:
        UnreadableError: it has no samples.
    """
    if _is_sample(record):
        return [_parse_sample(record, "")]
    samples = record.get("samples")
    if not isinstance(samples, list) or not samples:
        raise UnreadableError("an evaluation log without samples")
    model = record["eval"].get("model")
    conversations = []
    for number, sample in enumerate(samples, 1):
        if not isinstance(sample, dict):
            conversations.append(ParsedConversation([], suffix=f"-{number}"))
            continue
        conversation = _parse_sample(sample, f"-{sample.get('id', number)}-{sample.get('epoch', 1)}")
        if isinstance(model, str):
            conversation.metadata.setdefault("model", model)
        conversations.append(conversation)
    return conversations


def _is_sample(value: Mapping[str, Any]) -> bool:
    listed = isinstance(value.get("messages"), list)
    return listed and "epoch" in value and not value.keys().isdisjoint(("target", "scores", "output"))


def _parse_sample(sample: Mapping[str, Any], suffix: str) -> ParsedConversation:
    conversation = ParsedConversation([], suffix=clean_text(suffix[:200]))
    conversation.metadata = extra_metadata(
        {key: sample[key] for key in _METADATA_KEYS if sample.get(key) not in (None, {}, [])}, ()
    )
    scores = sample.get("scores")
    if isinstance(scores, dict):
        score_values = {clean_text(key): score.get("value") for key, score in scores.items() if isinstance(score, dict)}
        conversation.metadata |= extra_metadata({"scores": score_values}, ())
    attachments = sample.get("attachments")
    attachments = attachments if isinstance(attachments, dict) else {}
    messages = sample.get("messages")
    if isinstance(messages, list) and any(map(is_message, messages)):
        conversation.turns = parse_messages(
            [_with_attachments(message, attachments, 0) for message in messages], conversation.remarks
        )
    else:
        inputs = parse_payload(_with_attachments(sample.get("input"), attachments, 0), "user", conversation.remarks)
        output = _with_attachments(sample.get("output"), attachments, 0)
        conversation.turns = [*inputs, *parse_payload(output, "assistant", conversation.remarks)]
    return conversation


def _with_attachments(value: Any, attachments: Mapping[str, Any], depth: int) -> Any:
    """Return a value with the texts that the log keeps apart."""
    if isinstance(value, str) and value.startswith(_ATTACHMENT_PREFIX):
        text = attachments.get(value.removeprefix(_ATTACHMENT_PREFIX))
        return text if isinstance(text, str) else value
    if not attachments or depth > _MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [_with_attachments(item, attachments, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _with_attachments(item, attachments, depth + 1) for key, item in value.items()}
    return value


INSPECT = LogFormat(
    "inspect",
    "Inspect's evaluation logs, `.json` and `.eval`: a conversation a sample and epoch.",
    '{"id": 1, "epoch": 1, "target": "Hello", "messages": [{"role": "user", "content": "Hi"}, '
    '{"role": "assistant", "content": "Hello"}]}',
    is_inspect,
    read_record,
)
