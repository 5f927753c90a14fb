"""Responses of OpenAI's Responses API that continue each other: by `previous_response_id`, or in one conversation."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.call_payloads import id_text
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_tree import MessageTree
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ProblemReporter,
    UnreadableError,
)
from convexplain.connectors.logs.engine.paths import value_at

from .openai_responses import is_responses
from .openai_responses import read_record as read_response

_PREVIOUS = "previous_response_id"
_PLACES = ("response", "request")


def is_linked(value: Any) -> bool:
    """Return whether a JSON value is a response, or a request with its response, that may continue another one."""
    if not isinstance(value, dict):
        return False
    places = [value, *(inner for name in _PLACES if isinstance(inner := value.get(name), dict))]
    return any(_PREVIOUS in place or "conversation" in place for place in places) and is_responses(value)


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations: one for each response that no other one continues."""
    responses: dict[str, tuple[int, Any]] = {}
    for position, record in records:
        own_id = id_text(value_at(record, "response.id|id"))
        responses[own_id if own_id and own_id not in responses else f"\x00{position}"] = position, record
    tree = MessageTree(responses, dict(_parents(responses)))
    branches: Counter[str] = Counter()
    joined: set[str] = set()
    for number, end in enumerate(tree.ends(), 1):
        remarks: list[str] = []
        path = tree.path_to(end, remarks)
        conversation = _conversation([responses[key] for key in path], report)
        conversation.remarks += remarks
        joined.update(path)
        branches[path[0]] += 1
        conversation.suffix = f"-branch{branches[path[0]]}" if branches[path[0]] > 1 else ""
        log_id = None if path[0].startswith("\x00") else path[0]
        if conversation.turns:
            yield ParsedRecord(responses[end][0], number, log_id, [conversation])
    for key in responses.keys() - joined:
        report(responses[key][0], "a response that continues itself, by way of others")


def _parents(responses: Mapping[str, tuple[int, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the responses that continue another one, each with that one's id."""
    latest: dict[str, str] = {}
    for key, (_, record) in responses.items():
        previous = id_text(value_at(record, f"{_PREVIOUS}|response.{_PREVIOUS}|request.{_PREVIOUS}"))
        name = "conversation.id|response.conversation.id|request.conversation.id|conversation|request.conversation"
        conversation = id_text(value_at(record, name))
        if previous:
            yield key, previous
        elif conversation in latest:
            yield key, latest[conversation]
        if conversation:
            latest[conversation] = key


def _conversation(path: Sequence[tuple[int, Any]], report: ProblemReporter) -> ParsedConversation:
    """Return the conversation of responses that continue each other; repeated instructions come once."""
    conversation = ParsedConversation([])
    instructions = ""
    for position, record in path:
        try:
            (parsed,) = read_response(record)
        except (UnreadableError, RecursionError) as error:
            report(position, str(error) or "JSON nested too deeply")
            continue
        for turn in parsed.turns:
            if turn.speaker != "system" or turn.content != instructions:
                conversation.turns.append(turn)
            instructions = turn.content if turn.speaker == "system" else instructions
        conversation.metadata = {**parsed.metadata, **conversation.metadata}
        conversation.remarks += parsed.remarks
    return conversation


OPENAI_RESPONSE_CHAINS = LogFormat(
    "openai-response-chains",
    "Responses of OpenAI's Responses API that continue each other (`previous_response_id`, `conversation`).",
    '{"id": "r1", "object": "response", "previous_response_id": null, "input": "Hi", "output": [{"type": "message", '
    '"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}]}',
    is_linked,
    read_records=read_records,
    precedence=-2,
    joins_files=True,
)
