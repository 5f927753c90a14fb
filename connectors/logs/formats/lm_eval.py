"""Samples of lm-evaluation-harness: a prompt with a model's answers, and the metrics of each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.call_payloads import parse_payload
from convexplain.connectors.logs.engine.fields import rating
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedRecord, ProblemReporter
from convexplain.connectors.logs.engine.paths import as_word, value_at

_PROMPT = "arguments.gen_args_0.arg_0|arguments[0][0]"
_USED = ("arguments", "resps", "filtered_resps", "metrics", "filter")
_HASHES = ("doc_hash", "prompt_hash", "target_hash")


def is_sample(value: Any) -> bool:
    """Return whether a JSON value is a sample."""
    return isinstance(value, dict) and value.keys() >= {"doc_id", "arguments", "resps"}


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield a conversation for each answer; the same answers under several filters come once, with all metrics."""
    samples: dict[str, ParsedRecord] = {}
    for position, record in records:
        name = json.dumps([record["doc_id"], record["arguments"], record["resps"]], sort_keys=True)
        if name in samples:
            _add_metrics(samples[name].conversations, record)
        elif conversations := _conversations(record):
            samples[name] = ParsedRecord(position, len(samples) + 1, as_word(record["doc_id"]) or None, conversations)
            _add_metrics(conversations, record)
        else:
            report(position, "the sample has no answer in words: it compares the probabilities of choices")
    yield from samples.values()


def _conversations(record: Mapping[str, Any]) -> list[ParsedConversation]:
    responses = record["resps"]
    if isinstance(responses, list) and len(responses) == 1 and isinstance(responses[0], list):
        responses = responses[0]  # one request, with its repetitions
    answers = [text for text in responses if isinstance(text, str)] if isinstance(responses, list) else []
    if not answers or len(answers) < len(responses):
        return []
    conversations = []
    for number, answer in enumerate(answers, 1):
        metadata = extra_metadata(record, {*_USED, *_HASHES, *_metrics(record)})
        conversation = ParsedConversation(parse_payload(value_at(record, _PROMPT), "user", []), metadata)
        conversation.turns += parse_payload(answer, "assistant", [])
        conversation.suffix = f"-{number}" if len(answers) > 1 else ""
        if record.get("doc"):
            conversation.remarks.append("left out: the task's own record, 'doc'")
            conversation.aside.append(record["doc"])
        conversations.append(conversation)
    return conversations


def _metrics(record: Mapping[str, Any]) -> list[str]:
    names = record.get("metrics")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _add_metrics(conversations: Sequence[ParsedConversation], record: Mapping[str, Any]) -> None:
    """Add the metrics of a single answer as labels; those of repeated answers belong to all of them together."""
    if len(conversations) != 1 or not conversations[0].turns:
        return
    ratings = conversations[0].turns[-1].metadata.setdefault("ratings", [])
    for name in _metrics(record):
        value, chosen = record.get(name), as_word(record.get("filter"))
        if isinstance(value, bool | int | float) and 0 <= value <= 1:
            label = name if chosen in ("", "none") else f"{name}, {chosen}"
            ratings.append(rating(label, float(value), as_word(value)))


LM_EVAL = LogFormat(
    "lm-eval",
    "Samples of lm-evaluation-harness (`--log_samples`), with its metrics as labels.",
    '{"doc_id": 0, "doc": {}, "target": "4", "arguments": {"gen_args_0": {"arg_0": "Hi", "arg_1": {}}}, "resps": '
    '[["Hello"]], "filtered_resps": ["Hello"], "filter": "none", "metrics": ["exact_match"], "exact_match": 1.0}',
    is_sample,
    read_records=read_records,
)
