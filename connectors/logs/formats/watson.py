"""Watson Assistant: its logs, a question with its answer each."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import content_or_placeholder, first_text, object_at, objects
from convexplain.connectors.logs.engine.metadata import parse_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedTurn


def parse_log(log: Mapping[str, Any]) -> list[ParsedTurn]:
    """Return the turns in a log: the user's input, which a greeting does not have, and the answer."""
    question = first_text(object_at(log, "request", "input") or object_at(log, "response", "input"), "text")
    intents = [name for intent in objects(object_at(log, "response").get("intents")) if (name := _intent(intent))]
    question_time = parse_timestamp(log.get("request_timestamp"))
    answer_time = parse_timestamp(log.get("response_timestamp")) or question_time
    return [
        ParsedTurn("user", question, None, question_time, {"intent": intents[0]} if intents else {}),
        ParsedTurn("assistant", _answer(object_at(log, "response", "output")), None, answer_time),
    ]


def _intent(intent: Mapping[str, Any]) -> str:
    return first_text(intent, "intent")


def _answer(output: Mapping[str, Any]) -> str:
    generic = [line for response in objects(output.get("generic")) for line in _lines(response)]
    texts = output.get("text")
    old = [text for text in texts if isinstance(text, str) and text.strip()] if isinstance(texts, list) else []
    return "\n".join(generic or old or filter(None, [content_or_placeholder(texts)]))


def _lines(response: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of one part of an answer; choices, media and searches as placeholders."""
    kind = first_text(response, "response_type")
    yield from filter(None, (first_text(response, key) for key in ("text", "title", "description", "message_to_user")))
    choices = response.get("options") or response.get("suggestions")
    if labels := [label for choice in objects(choices) if (label := first_text(choice, "label"))]:
        yield f"[buttons: {' | '.join(labels)}]"
    if kind in ("image", "audio", "video", "iframe"):
        yield f"[{kind}]"
    for result in objects(response.get("primary_results") or response.get("results")):
        yield from filter(None, (first_text(result, "title"), first_text(result, "body")))


_IDS = (
    "response.context.conversation_id|request.context.conversation_id|session_id"
    "|response.context.global.session_id|request.context.global.session_id"
)

WATSON = DescribedFormat(
    "watson",
    "Watson Assistant's logs, a question with its answer each.",
    '{"logs": [{"log_id": "1", "request_timestamp": "2024-05-01T10:00:00Z", "request": {"input": {"text": "Hi"}}, '
    '"response": {"output": {"generic": [{"response_type": "text", "text": "Hello"}]}, "context": '
    '{"conversation_id": "w1"}}}]}',
    keys=(
        "logs[*].request.input|request.input",
        "logs[*].response.output.generic|logs[*].response.output.text|response.output.generic|response.output.text",
    ),
    turns="logs[*]|",
    parse=parse_log,
    group=_IDS,
    order="request_timestamp",
    precedence=1,
).log_format()
