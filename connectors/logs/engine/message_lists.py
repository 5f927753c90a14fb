"""Lists of messages, one a turn: OpenAI's `role`/`content` and ShareGPT's `from`/`value`, and mixtures."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal

from convexplain.parts import Media, Part, Reasoning, Text, ToolResult, visible_content

from .content_blocks import THOUGHTS, call_part, content_parts, content_text, thought_keys, thoughts_beside
from .json_values import parse_json
from .marked_calls import marked_results
from .metadata import extra_metadata, find_timestamp
from .parse_results import ParsedConversation, ParsedTurn, UnreadableError
from .plain_lists import text_keys
from .reasoning_marks import parts_of_marked
from .roles import role_of

LISTS = ("messages", "conversations", "conversation", "turns", "dialogue", "dialog")
WRAPPERS = ("data", "conversations", "dialogues", "chats", "sessions", "threads", "items", "records", "rows")
"""Keys under which an object may wrap a whole log."""
_SPEAKERS = ("role", "from", "speaker", "sender", "author")
_TEXTS = ("content", "value", "text", "message", "utterance", "body")
_CONTENT_KEYS = frozenset((*_TEXTS, "parts", "tool_calls", "function_call"))
_TELLING_SPEAKERS = ("function_call", "observation")
"""Words for a speaker that say more than the role does: kept in the turn's metadata."""

_PLAIN_KEYS: dict[tuple[str, ...], tuple["itemgetter[str]", "itemgetter[str]"]] = {
    keys: (itemgetter(speaker), itemgetter(text))
    for speaker in _SPEAKERS
    for text in _TEXTS
    for keys in ((speaker, text), (text, speaker))
}
"""Keys of turns that have a speaker and a text alone, with what returns these."""
_PART_KEYS = frozenset((*THOUGHTS, "parts", "tool_calls", "function_call"))
"""Keys of turns that may be more than a text."""


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
    empty = None
    for key in LISTS:
        if isinstance(items := record.get(key), list):
            if text_keys(items) in _PLAIN_KEYS or _has_turns(items):
                return key
            empty = key if empty is None and _is_empty(items) else empty
    return empty


def parse_conversation(record: Mapping[str, Any] | list[Any]) -> list[ParsedConversation]:
    """Return the conversation in an object, or in a bare list of turns.

    Turns without text are kept, empty, and remarked on: the log says that somebody's turn was there.

    Raises:
        UnreadableError: a turn with text does not say who speaks.
    """
    conversation = ParsedConversation([])
    turns: Any = record
    if isinstance(record, dict):
        key = list_key(record) or "messages"
        turns = record[key]
        conversation.metadata = extra_metadata(record, {key})
    if (plain_turns := _plain_turns(turns)) is not None:
        conversation.turns = plain_turns
        conversation.is_complete = isinstance(record, list) or len(conversation.metadata) + 1 == len(record)
    else:
        for number, turn in enumerate(turns, 1):
            conversation.turns += _parse_list_turns(turn, number, conversation.remarks)
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
    text_key = _text_key(turn)
    used_keys = {text_key, "refusal", at_key, "name" if name else None, *used}
    if speaker not in _TELLING_SPEAKERS:
        used_keys.add(speaker_key)
    content = turn.get(text_key)
    if isinstance(content, str) and content and _PART_KEYS.isdisjoint(turn) and not _has_parts(speaker):
        return ParsedTurn(speaker, content, name, at, extra_metadata(turn, used_keys))
    parts = _parts(turn, speaker, name)
    used_keys |= _part_keys(turn, parts) | ({"content"} if text_key == "parts" else set())
    return ParsedTurn.of_parts(speaker, parts, name, at, extra_metadata(turn, used_keys))


def substitute_parts(turn: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return what stands in the place of a content: a refusal, or a recording's transcript."""
    audio = turn.get("audio")
    if isinstance(turn.get("refusal"), str):
        return content_parts(turn["refusal"])
    if isinstance(audio, dict):
        transcript = audio.get("transcript")
        return content_parts(transcript) if isinstance(transcript, str) else (Media("audio"),)
    return ()


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
    for key in _SPEAKERS:
        if isinstance(turn.get(key), str):
            return key
    return None


@lru_cache(maxsize=1024)
def _has_parts(speaker: str) -> bool:
    """Return whether a text of this speaker is a call or a result of a tool."""
    return speaker == "function_call" or role_of(speaker) == "tool"


def _text_key(turn: Mapping[str, Any]) -> str:
    """Return the key of the text: the first that holds something.

    That is the list of parts where it holds the text too, as Vercel's AI SDK writes it.
    """
    key = "parts" if turn.get("parts") else None
    for text_key in _TEXTS:
        if turn.get(text_key):
            key = text_key
            break
    if key == "content" and isinstance(turn.get("parts"), list) and isinstance(text := turn[key], str):
        return "parts" if text.strip() in content_text(turn["parts"]) else key
    return key or next((key for key in _TEXTS if turn.get(key) is not None), _TEXTS[0])


def _part_keys(turn: Mapping[str, Any], parts: tuple[Part, ...]) -> set[str]:
    """Return the keys, besides that of the text, whose values are all among the parts."""
    keys = thought_keys(turn)
    if isinstance(turn.get("tool_calls"), list):
        keys.add("tool_calls")
    if isinstance(turn.get("function_call"), dict):
        keys.add("function_call")
    if any(isinstance(part, ToolResult) and part.id and part.id == turn.get("tool_call_id") for part in parts):
        keys.add("tool_call_id")
    return keys


def _has_turns(items: list[Any]) -> bool:
    return any(map(is_turn, items))


def _is_empty(items: list[Any]) -> bool:
    """Return whether a list holds nothing, or only speakers without a text: no conversation, but reported as an empty
    one.
    """
    return not any(items) or all(isinstance(item, dict) and item.keys() <= {"role", "from"} for item in items)


def _plain_turns(turns: Sequence[Any]) -> list[ParsedTurn] | None:
    """Return the turns of a list whose messages are all a speaker and a text alone, as most are; None for any other."""
    if (keys := _PLAIN_KEYS.get(text_keys(turns) or ())) is None:
        return None
    speakers, texts = list(map(keys[0], turns)), list(map(keys[1], turns))
    if "" in texts or any(map(_has_parts, set(speakers))):
        return None
    return list(map(ParsedTurn, speakers, texts))


def _parse_list_turns(turn: Any, number: int, remarks: list[str]) -> list[ParsedTurn]:
    """Return the turns in a message of a list: the message, and results of tools in it. A remark is added for a message
    that is missing.
    """
    parsed_turn = parse_turn(turn) if isinstance(turn, dict) else None
    if parsed_turn is None:
        if isinstance(turn, dict) and visible_content(_parts(turn, "", None)).strip():
            raise UnreadableError(f"message {number} does not say who speaks")
        remarks.append(f"message {number} is missing")
        return []
    single = role_of(parsed_turn.speaker) == "tool" and len(parsed_turn.parts) <= 1
    return [parsed_turn] if single else parsed_turn.without_results()


def _parts(turn: Mapping[str, Any], speaker: str, name: str | None) -> tuple[Part, ...]:
    """Return the parts of a turn: its thoughts, its content, and its calls of tools."""
    thoughts = thoughts_beside(turn)
    content = turn.get(_text_key(turn))
    if role_of(speaker) == "tool":
        call_id = turn.get("tool_call_id")
        call_id = call_id if isinstance(call_id, str) else ""
        if isinstance(content, str) and (results := marked_results(content)):
            return (*thoughts, *(replace(result, id=call_id, name=name or result.name) for result in results))
        return (*thoughts, ToolResult(content_text(content), call_id, name or ""))
    if speaker == "function_call" and (calls := _written_calls(content)):
        return (*thoughts, *calls)
    parts = content_parts(content)
    if not visible_content(parts):
        parts = (*parts, *substitute_parts(turn))
    tool_calls = turn.get("tool_calls")
    call_list = list(tool_calls) if isinstance(tool_calls, list) else []
    if isinstance(turn.get("function_call"), dict):
        call_list.append({"function": turn["function_call"]})
    return (*thoughts, *parts, *map(call_part, call_list))


def _written_calls(content: Any) -> tuple[Part, ...]:
    """Return the calls in the text of a turn whose speaker is `function_call`, and the thoughts that are marked in it;
    none where it is no JSON of calls.
    """
    if not isinstance(content, str):
        return ()
    parts = parts_of_marked([Text(content)]) or (Text(content),)
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    decoded, error = parse_json("".join(part.text for part in parts if isinstance(part, Text)))
    calls = decoded if isinstance(decoded, list) else [decoded]
    if error is not None or not calls:
        return ()
    if not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        return ()
    return (*thoughts, *map(call_part, calls))
