"""Inspect's evaluation logs: whole ones as JSON, and the samples in `.eval` archives."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.chat import is_message, said
from convexplain.connectors.logs.engine.drafts import Draft, UnreadableError
from convexplain.connectors.logs.engine.payloads import said_in
from convexplain.connectors.logs.engine.values import clean, extras

_ATTACHED = "attachment://"
_KEPT = ("target", "metadata", "error", "limit", "choices", "score")
_DEPTH = 8


def is_inspect(value: Any) -> bool:
    """Whether a JSON value is a log, or one sample of it."""
    if not isinstance(value, dict):
        return False
    return _is_sample(value) or (isinstance(value.get("eval"), dict) and {"version", "status"} <= value.keys())


def drafts(record: Mapping[str, Any]) -> list[Draft]:
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
            found.append(Draft([], suffix=f"-{number}"))
            continue
        draft = _draft(sample, f"-{sample.get('id', number)}-{sample.get('epoch', 1)}")
        if isinstance(model, str):
            draft.metadata.setdefault("model", model)
        found.append(draft)
    return found


def _is_sample(value: Mapping[str, Any]) -> bool:
    listed = isinstance(value.get("messages"), list)
    return listed and "epoch" in value and not value.keys().isdisjoint(("target", "scores", "output"))


def _draft(sample: Mapping[str, Any], suffix: str) -> Draft:
    found = Draft([], suffix=clean(suffix[:200]))
    found.metadata = extras({key: sample[key] for key in _KEPT if sample.get(key) not in (None, {}, [])}, ())
    scores = sample.get("scores")
    if isinstance(scores, dict):
        told = {clean(key): score.get("value") for key, score in scores.items() if isinstance(score, dict)}
        found.metadata |= extras({"scores": told}, ())
    attached = sample.get("attachments")
    attached = attached if isinstance(attached, dict) else {}
    messages = sample.get("messages")
    if isinstance(messages, list) and any(map(is_message, messages)):
        found.said = said([_resolved(message, attached, 0) for message in messages], found.remarks)
    else:
        given = said_in(_resolved(sample.get("input"), attached, 0), "user", found.remarks)
        output = _resolved(sample.get("output"), attached, 0)
        found.said = [*given, *said_in(output, "assistant", found.remarks)]
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
