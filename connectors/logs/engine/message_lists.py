"""Lists of messages, one a turn: OpenAI's `role`/`content` and ShareGPT's `from`/`value`, and mixtures."""

import json
from collections.abc import Collection, Mapping
from typing import Any, Literal

from .metadata import extra_metadata, find_timestamp
from .parse_results import ParsedConversation, ParsedTurn, UnreadableError
from .roles import role_of

LISTS = ("messages", "conversations", "conversation", "turns", "dialogue", "dialog")
_SPEAKERS = ("role", "from", "speaker", "sender", "author")
_TEXTS = ("content", "value", "text", "message", "utterance", "body")
_CONTENT_KEYS = frozenset((*_TEXTS, "tool_calls", "function_call"))
_TELLING_SPEAKERS = ("function_call", "observation")
"""Words for a speaker that say more than the role does: kept in the turn's metadata."""

_PLACEHOLDERS = {
    "image_url": "[image]",
    "input_image": "[image]",
    "input_audio": "[audio]",
    "audio_url": "[audio]",
    "input_file": "[file]",
    "video_url": "[video]",
    "document": "[file]",
    "redacted_thinking": "[thinking]",
}
"""Parts without text whose type is not itself the word to show."""
_PART_TEXTS = ("text", "value", "refusal", "input_text", "output_text")
_PART_LISTS = ("parts", "content")


def is_turn(value: Any) -> bool:
    """Return whether a JSON value looks like one turn: it has a speaker, and a text or a call of a tool."""
    return isinstance(value, dict) and _speaker_key(value) is not None and not _CONTENT_KEYS.isdisjoint(value)


def is_openai(value: Any) -> bool:
    """Return whether a JSON value is a conversation in OpenAI's form."""
    return _dialect(value) == "openai"


def is_sharegpt(value: Any) -> bool:
    """Return whether a JSON value is a conversation in ShareGPT's form, or in one of those between the two."""
    return _dialect(value) == "sharegpt"


def list_key(record: Mapping[str, Any]) -> str | None:
    """Return the key under which an object holds its turns: the first with turns, else the first with an empty list."""
    lists = [key for key in LISTS if isinstance(record.get(key), list)]
    return next((key for test in (_has_turns, _is_empty) for key in lists if test(record[key])), None)


def parse_conversation(record: Mapping[str, Any] | list[Any]) -> list[ParsedConversation]:
    """Return the conversation in an object, or in a bare list of turns.

    Turns without text are kept, empty, and remarked on: the log says that somebody's turn was there.

    Raises:
        UnreadableError: a turn with text does not say who speaks.
    """
    conversation = ParsedConversation([])
    turns: Any = record
    if not isinstance(record, list):
        key = list_key(record) or "messages"
        turns = record[key]
        conversation.metadata = extra_metadata(record, {key})
    for number, turn in enumerate(turns, 1):
        if (parsed_turn := _parse_list_turn(turn, number, conversation.remarks)) is not None:
            conversation.turns.append(parsed_turn)
    add_system(conversation)
    return [conversation]


def add_system(conversation: ParsedConversation) -> None:
    """Make the record's own `system` text the first turn, where the turns have no system text themselves."""
    text = conversation.metadata.get("system")
    has_system = conversation.turns and role_of(conversation.turns[0].speaker) == "system"
    if isinstance(text, str) and text.strip() and not has_system:
        conversation.turns.insert(0, ParsedTurn("system", text))
        del conversation.metadata["system"]


def parse_turn(turn: Mapping[str, Any], used: Collection[str | None] = ()) -> ParsedTurn | None:
    """Return an object as a turn; None where it has no speaker.

    Args:
        turn: the object.
        used: keys that are no metadata, besides those that make up the turn.
    """
    if (speaker_key := _speaker_key(turn)) is None:
        return None
    speaker = turn[speaker_key]
    name = turn.get("name")
    name = name if isinstance(name, str) and name.strip() else None
    at, at_key = find_timestamp(turn)
    used_keys = {_text_key(turn), "refusal", at_key, "name" if name else None, *used}
    if speaker not in _TELLING_SPEAKERS:
        used_keys.add(speaker_key)
    return ParsedTurn(speaker, _turn_text(turn), name, at, extra_metadata(turn, used_keys))


def content_text(content: Any) -> str:
    """Return a message's content as text, in any of its forms."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, map(content_text, content)))
    if isinstance(content, dict):
        return _part_text(content)
    return json.dumps(content, ensure_ascii=False)


def call_text(call: Any) -> str:
    """Return the placeholder of a tool call, in OpenAI's form or with name and arguments (args, input) at the top."""
    if not isinstance(call, dict):
        return "[tool call]"
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    name = function if isinstance(function, str) else inner.get("name")
    arguments = next((inner[key] for key in ("arguments", "args", "input") if inner.get(key) is not None), "")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return f"[tool call {name if isinstance(name, str) else '?'}({arguments})]"


def _dialect(value: Any) -> Literal["openai", "sharegpt"] | None:
    key = "messages"
    if isinstance(value, dict):
        if (turns_key := list_key(value)) is None:
            return None
        key, value = turns_key, value[turns_key]
    elif not isinstance(value, list) or not any(map(is_turn, value)):
        return None
    if not isinstance(value, list):
        return None
    has_from = any(isinstance(turn, dict) and isinstance(turn.get("from"), str) for turn in value)
    return "openai" if key == "messages" and not has_from else "sharegpt"


def _speaker_key(turn: Mapping[str, Any]) -> str | None:
    return next((key for key in _SPEAKERS if isinstance(turn.get(key), str)), None)


def _text_key(turn: Mapping[str, Any]) -> str:
    """Return the key of the text: the first that holds something."""
    return next((key for key in _TEXTS if turn.get(key) is not None), _TEXTS[0])


def _has_turns(items: list[Any]) -> bool:
    return any(map(is_turn, items))


def _is_empty(items: list[Any]) -> bool:
    """Return whether a list holds nothing, or only speakers without a text: no conversation, but reported as an empty
    one.
    """
    return not any(items) or all(isinstance(item, dict) and item.keys() <= {"role", "from"} for item in items)


def _parse_list_turn(turn: Any, number: int, remarks: list[str]) -> ParsedTurn | None:
    """Return a turn of a list, None where there is none; a remark is added for a missing turn."""
    parsed_turn = parse_turn(turn) if isinstance(turn, dict) else None
    if parsed_turn is None:
        if isinstance(turn, dict) and _turn_text(turn).strip():
            raise UnreadableError(f"message {number} does not say who speaks")
        remarks.append(f"message {number} is missing")
    return parsed_turn


def _turn_text(turn: Mapping[str, Any]) -> str:
    """Return the text of a turn, then a placeholder for each tool call.

    A text that is a string comes back unchanged; a list of parts is joined with line ends.
    """
    content = content_text(turn.get(_text_key(turn)))
    texts = [content] if content else []
    if not texts and isinstance(turn.get("refusal"), str):
        texts.append(turn["refusal"])
    audio = turn.get("audio")
    if not texts and isinstance(audio, dict):
        transcript = audio.get("transcript")
        texts.append(transcript if isinstance(transcript, str) else "[audio]")
    calls = turn.get("tool_calls")
    texts += [call_text(call) for call in calls] if isinstance(calls, list) else []
    if isinstance(turn.get("function_call"), dict):
        texts.append(call_text({"function": turn["function_call"]}))
    return "\n".join(texts)


def _part_text(part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    if kind == "tool_use":
        return call_text(part)
    for key in _PART_TEXTS:
        text = part.get(key)
        if isinstance(text, dict):
            text = text.get("value")
        if isinstance(text, str):
            return text
    for key in _PART_LISTS:
        if isinstance(part.get(key), list | str):
            return content_text(part[key])
    if kind is None:  # data, as tools give it back
        return json.dumps(part, ensure_ascii=False)
    return _PLACEHOLDERS.get(str(kind), f"[{kind}]")
