"""Inspect's evaluation logs: whole ones as JSON, and the samples in `.eval` archives."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_message, parse_messages
from convexplain.connectors.logs.engine.call_payloads import parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, UnreadableError

_ATTACHED = "attachment://"
_KEPT = ("target", "metadata", "error", "limit", "choices", "score")
_DEPTH = 8


def is_inspect(value: Any) -> bool:
    """Whether a JSON value is a log, or one sample of it."""
    if not isinstance(value, dict):
        return False
    return _is_sample(value) or (isinstance(value.get("eval"), dict) and {"version", "status"} <= value.keys())


def drafts(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """The conversations in a log, one a sample and epoch.

    Raises:
        UnreadableError: it has no samples.
    """
    if _is_sample(record):
        return [_draft(record, "")]
    samples = record.get("samples")
    if not isinstance(samples, list) or not samples:
        raise UnreadableError("an evaluation log without samples")
    model = record["eval"].get("model")
    found = []
    for number, sample in enumerate(samples, 1):
        if not isinstance(sample, dict):
            found.append(ParsedConversation([], suffix=f"-{number}"))
            continue
        draft = _draft(sample, f"-{sample.get('id', number)}-{sample.get('epoch', 1)}")
        if isinstance(model, str):
            draft.metadata.setdefault("model", model)
        found.append(draft)
    return found


def _is_sample(value: Mapping[str, Any]) -> bool:
    listed = isinstance(value.get("messages"), list)
    return listed and "epoch" in value and not value.keys().isdisjoint(("target", "scores", "output"))


def _draft(sample: Mapping[str, Any], suffix: str) -> ParsedConversation:
    found = ParsedConversation([], suffix=clean_text(suffix[:200]))
    found.metadata = extra_metadata({key: sample[key] for key in _KEPT if sample.get(key) not in (None, {}, [])}, ())
    scores = sample.get("scores")
    if isinstance(scores, dict):
        told = {clean_text(key): score.get("value") for key, score in scores.items() if isinstance(score, dict)}
        found.metadata |= extra_metadata({"scores": told}, ())
    attached = sample.get("attachments")
    attached = attached if isinstance(attached, dict) else {}
    messages = sample.get("messages")
    if isinstance(messages, list) and any(map(is_message, messages)):
        found.turns = parse_messages([_resolved(message, attached, 0) for message in messages], found.remarks)
    else:
        given = parse_payload(_resolved(sample.get("input"), attached, 0), "user", found.remarks)
        output = _resolved(sample.get("output"), attached, 0)
        found.turns = [*given, *parse_payload(output, "assistant", found.remarks)]
    return found


def _resolved(value: Any, attached: Mapping[str, Any], depth: int) -> Any:
    """A value with the texts that the log keeps apart."""
    if isinstance(value, str) and value.startswith(_ATTACHED):
        text = attached.get(value.removeprefix(_ATTACHED))
        return text if isinstance(text, str) else value
    if not attached or depth > _DEPTH:
        return value
    if isinstance(value, list):
        return [_resolved(item, attached, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _resolved(item, attached, depth + 1) for key, item in value.items()}
    return value


INSPECT = LogFormat(
    "inspect",
    "Inspect's evaluation logs, `.json` and `.eval`: a conversation a sample and epoch.",
    '{"id": 1, "epoch": 1, "target": "Hello", "messages": [{"role": "user", "content": "Hi"}, '
    '{"role": "assistant", "content": "Hello"}]}',
    is_inspect,
    drafts,
)
