"""Requests and answers of Vertex AI's PaLM models: `instances` with `predictions`."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.call_payloads import parse_payload
from convexplain.connectors.logs.engine.fields import content_or_placeholder, counted, first_text, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.connectors.logs.engine.paths import as_word, has_key

_USED = ("instance", "instances", "predictions")


def is_prediction(value: Any) -> bool:
    """Return whether a JSON value holds instances with their predictions."""
    return (
        isinstance(value, dict)
        and "predictions" in value
        and ("instance" in value or isinstance(value.get("instances"), list))
        and any(has_key(value, f"{key}.{inner}") for key in ("instance", "instances[*]") for inner in _PROMPTS)
    )


_PROMPTS = ("prompt", "messages", "content", "contents")


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return a conversation for each instance, with the prediction in the same place."""
    single = "instance" in record
    instances = [record["instance"]] if single else record["instances"]
    predictions = record["predictions"] if isinstance(record["predictions"], list) else [record["predictions"]]
    conversations = []
    for place, instance in enumerate(instances):
        conversation = ParsedConversation([*_prompt(instance)], extra_metadata(record, _USED))
        conversation.suffix = f"-{place + 1}" if len(instances) > 1 else ""
        if isinstance(instance, dict) and (examples := objects(instance.get("examples"))):
            conversation.remarks.append(f"left out: {counted(len(examples), 'examples in the prompt')}")
            conversation.aside.append(examples)
        _add_answer(conversation, predictions[place] if place < len(predictions) else None)
        conversations.append(conversation)
    if len(predictions) > len(instances):
        conversations[-1].aside += predictions[len(instances) :]
        conversations[-1].remarks.append(
            f"left out: {counted(len(predictions) - len(instances), 'predictions without an instance')}"
        )
    elif len(predictions) < len(instances):
        conversations[-1].remarks.append(counted(len(instances) - len(predictions), "instances have no prediction"))
    return conversations


def _prompt(instance: Any) -> Iterator[ParsedTurn]:
    if not isinstance(instance, dict):
        yield from parse_payload(instance, "user", [])
        return
    if context := first_text(instance, "context"):
        yield ParsedTurn("system", context)
    messages = objects(instance.get("messages"))
    if not any("author" in message for message in messages):
        yield from parse_payload({key: instance[key] for key in instance if key != "context"}, "user", [])
        return
    user = as_word(messages[-1].get("author"))  # the model answers the last message
    for message in messages:
        speaker = "user" if as_word(message.get("author")) == user else "assistant"
        yield ParsedTurn(speaker, content_or_placeholder(message.get("content")))


def _add_answer(conversation: ParsedConversation, prediction: Any) -> None:
    candidates = objects(prediction.get("candidates")) if isinstance(prediction, dict) else []
    if len(candidates) > 1:
        conversation.remarks.append(f"of {len(candidates)} candidates the first is read")
        conversation.aside += candidates[1:]
    if text := first_text(candidates[0] if candidates else prediction, "content"):
        conversation.turns.append(ParsedTurn("assistant", text))
    else:
        conversation.turns += parse_payload(prediction, "assistant", conversation.remarks)


PALM = LogFormat(
    "palm",
    "Vertex AI's predictions: `instances` with `predictions` (PaLM's chat and text models), or `instance` in batches.",
    '{"instances": [{"messages": [{"author": "user", "content": "Hi"}]}], "predictions": [{"candidates": [{"author": '
    '"bot", "content": "Hello"}]}]}',
    is_prediction,
    read_record,
)
