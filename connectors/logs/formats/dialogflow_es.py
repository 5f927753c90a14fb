"""Dialogflow ES: responses to `detectIntent`, also the requests of its webhooks, a turn of the user and its answer
each.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text, object_at, objects
from convexplain.connectors.logs.engine.metadata import parse_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedTurn

_UNSPECIFIED = ("", "PLATFORM_UNSPECIFIED")


def parse_response(response: Mapping[str, Any]) -> list[ParsedTurn]:
    """Return the turns in a response: what the user said, and the agent's answer."""
    result = next(
        filter(None, (object_at(response, key) for key in ("queryResult", "query_result", "result"))),
        {},
    )
    at = parse_timestamp(response.get("timestamp"))
    question = first_text(result, "queryText", "query_text", "resolvedQuery")
    intent = object_at(result, "intent") or object_at(result, "metadata")
    name = first_text(intent, "displayName", "display_name", "intentName")
    turns = [ParsedTurn("user", question, None, at, {"intent": name} if name else {})]
    return [*turns, ParsedTurn("assistant", _answer(result), None, at)]


def _answer(result: Mapping[str, Any]) -> str:
    fulfilment = object_at(result, "fulfillment")
    messages = objects(
        result.get("fulfillmentMessages") or result.get("fulfillment_messages") or fulfilment.get("messages")
    )
    plain = [message for message in messages if first_text(message, "platform") in _UNSPECIFIED]
    lines = [line for message in plain or messages for line in _lines(message)]
    text = first_text(result, "fulfillmentText", "fulfillment_text") or first_text(fulfilment, "speech")
    return "\n".join(lines) or text


def _lines(message: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a message; cards, choices and pictures as placeholders."""
    texts = object_at(message, "text").get("text")
    yield from (text for text in (texts if isinstance(texts, list) else ()) if isinstance(text, str) and text.strip())
    if speech := first_text(message, "speech"):
        yield speech
    for key in ("card", "basicCard"):
        if title := first_text(object_at(message, key), "title", "subtitle"):
            yield f"[card: {title}]"
    replies = object_at(message, "quickReplies") or object_at(message, "quick_replies")
    if choices := replies.get("quickReplies") or replies.get("quick_replies"):
        if title := first_text(replies, "title"):
            yield title
        yield f"[buttons: {' | '.join(map(str, choices))}]"
    if message.get("image"):
        yield "[image]"
    if message.get("payload"):
        yield "[custom]"


DIALOGFLOW_ES = DescribedFormat(
    "dialogflow-es",
    "Dialogflow ES: logged responses to `detectIntent` (`queryResult`), a question with its answer each.",
    '{"responseId": "1", "session": "projects/p/agent/sessions/s1", "queryResult": {"queryText": "Hi", '
    '"fulfillmentText": "Hello", "fulfillmentMessages": [{"text": {"text": ["Hello"]}}]}}',
    keys=(
        "queryResult.queryText|query_result.query_text|result.resolvedQuery",
        "session|sessionId|session_id",
    ),
    parse=parse_response,
    group="session|sessionId|session_id",
    order="timestamp",
    precedence=1,
).log_format()
