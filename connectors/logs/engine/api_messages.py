"""Messages of models' interfaces and frameworks, in whichever shape, as turns: OpenAI's (chat messages and the items
of the Responses API), Anthropic's, Gemini's, OpenTelemetry's, and both of LangChain's dumps.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .content_blocks import is_call, result_text, speaker_and_text
from .message_lists import call_text, content_text
from .metadata import clean_text, extra_metadata, find_timestamp
from .parse_results import ParsedTurn
from .roles import role_of

_LANGCHAIN_WORDS = (
    "human ai system tool function chat developer HumanMessageChunk AIMessageChunk SystemMessageChunk "
    "ToolMessageChunk FunctionMessageChunk ChatMessageChunk"
)
_LANGCHAIN = frozenset(_LANGCHAIN_WORDS.split())
_CONTENTS = ("content", "parts")
_HELD = frozenset((*_CONTENTS, "tool_calls", "function_call", "refusal", "audio"))
_USED = ("role", "type", *_CONTENTS, "example", "refusal", "lc", "kwargs")
_OUTPUTS = (
    "function_call_output",
    "custom_tool_call_output",
    "computer_call_output",
    "local_shell_call_output",
    "shell_call_output",
    "apply_patch_call_output",
    "mcp_approval_response",
)
_THOUGHTS = ("[thinking]", "[reasoning]")


def is_message(value: Any) -> bool:
    """Whether a JSON value is a message in one of the shapes, or an item of the Responses API."""
    return isinstance(value, dict) and (_unpacked(value) is not None or is_item(value))


def is_langchain(value: Any) -> bool:
    """Whether a JSON value is a message in one of LangChain's shapes."""
    return isinstance(value, dict) and "role" not in value and _unpacked(value) is not None


def is_item(value: Any) -> bool:
    """Whether a JSON value is an item that only the Responses API has."""
    if not isinstance(value, dict) or not isinstance(kind := value.get("type"), str):
        return False
    if kind == "message":
        content = value.get("content")
        parts = content if isinstance(content, list) else []
        return isinstance(value.get("role"), str) and any(
            isinstance(part, dict) and part.get("type") in ("input_text", "output_text", "input_image", "input_file")
            for part in parts
        )
    if kind == "reasoning":
        return "summary" in value or "encrypted_content" in value
    return (kind.endswith("_call") and ("call_id" in value or "status" in value)) or kind in _OUTPUTS


def parse_messages(values: Sequence[Any], remarks: list[str]) -> list[ParsedTurn]:
    """The turns in a list of messages; what is none is added to the remarks.

    What an assistant's items call and think is one turn with what they say; so is a thought with what follows it.
    """
    found: list[ParsedTurn] = []
    joins = False  # whether the last turn goes on: an item of the Responses API without text
    for number, value in enumerate(values, 1):
        if _is_pair(value):
            found.append(ParsedTurn(value[0], value[1]))
        elif not is_message(value):
            remarks.append(f"message {number} cannot be read")
        elif isinstance(value, dict) and _unpacked(value) is None:
            joins = _add_item(found, value, joins)
        else:
            for turn in parse_message(value):
                found.append(turn)
                if not turn.content.strip():
                    remarks.append(f"message {number} ({turn.speaker!r}) is empty")
            joins = False
    return merge_thoughts(found)


def parse_message(message: Mapping[str, Any]) -> list[ParsedTurn]:
    """The turns in a message: several where it gives the results of tools besides."""
    unpacked = _unpacked(message)
    if unpacked is None:
        return [ParsedTurn(speaker, text) for speaker, text in _item(message)]
    speaker, body = unpacked
    parts: list[tuple[str, list[str]]] = []
    for who, text in _texts(body, speaker):
        if text and parts and parts[-1][0] == who:
            parts[-1][1].append(text)
        elif text:
            parts.append((who, [text]))
    name = body.get("name")
    name = name if isinstance(name, str) and name.strip() else None
    at, at_key = find_timestamp(body)
    metadata = {
        key: value for key, value in extra_metadata(body, {*_USED, at_key, "name"}).items() if value not in ({}, [], "")
    }
    found = [
        ParsedTurn(who, "\n".join(texts), name if who == speaker else None, at, metadata if who == speaker else {})
        for who, texts in parts
    ]
    return found or [ParsedTurn(speaker, "", name, at, metadata)]


def merge_thoughts(found: Sequence[ParsedTurn]) -> list[ParsedTurn]:
    """The turns, each assistant's turn that is but a thought put in front of the next one, if that is theirs."""
    made: list[ParsedTurn] = []
    for turn in found:
        if made and made[-1].content in _THOUGHTS and _side(made[-1]) == _side(turn) == "assistant":
            last = made.pop()
            content = turn.content if turn.content.startswith(_THOUGHTS) else f"{last.content}\n{turn.content}"
            metadata = {**last.metadata, **turn.metadata}
            made.append(ParsedTurn(turn.speaker, content, turn.name, turn.at or last.at, metadata))
        else:
            made.append(turn)
    return made


def _side(turn: ParsedTurn) -> str:
    return role_of(turn.speaker) or turn.speaker


def _is_pair(value: Any) -> bool:
    """Whether a value is LangChain's short form of a message: `["human", "Hi"]`."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(item, str) for item in value)
        and role_of(value[0]) is not None
    )


def _unpacked(value: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """A message's word for its speaker and what holds its content; None where it is no message."""
    kind, inner, names = value.get("type"), value.get("data"), value.get("id")
    if isinstance(kind, str) and value.get("lc") is not None and isinstance(names, list) and names:
        body = value.get("kwargs")
        last = names[-1]
        if isinstance(last, str) and isinstance(body, dict) and last.removesuffix("Chunk").endswith("Message"):
            return _word(last, body), body
        return None
    if isinstance(value.get("role"), str):
        return (value["role"], value) if not _HELD.isdisjoint(value) and not is_item(value) else None
    if isinstance(kind, str) and kind in _LANGCHAIN:
        body = inner if isinstance(inner, dict) else value
        return (_word(kind, body), body) if "content" in body else None
    return None


def _word(kind: str, body: Mapping[str, Any]) -> str:
    word = clean_text(kind.removesuffix("Chunk").removesuffix("Message").lower())
    role = body.get("role")
    return role if word == "chat" and isinstance(role, str) else word


def _texts(body: Mapping[str, Any], speaker: str) -> Iterator[tuple[str, str]]:
    content = next((body[key] for key in _CONTENTS if body.get(key) is not None), None)
    blocks = content if isinstance(content, list) else [content]
    if role_of(speaker) == "tool":
        for block in blocks:
            yield speaker, speaker_and_text(block, speaker)[1]
    else:
        for block in blocks:
            yield speaker_and_text(block, speaker)
    if not content:
        yield speaker, _instead(body)
    if not any(map(is_call, blocks)):
        for call in _calls(body):
            yield speaker, call_text(call)


def _instead(body: Mapping[str, Any]) -> str:
    """What a message without content says."""
    audio = body.get("audio")
    if isinstance(body.get("refusal"), str):
        return str(body["refusal"])
    if isinstance(audio, dict):
        return audio["transcript"] if isinstance(audio.get("transcript"), str) else "[audio]"
    return ""


def _calls(body: Mapping[str, Any]) -> Iterator[Any]:
    more = body.get("additional_kwargs")
    places = [body, more] if isinstance(more, dict) else [body]
    for place in places:
        calls = [place.get("tool_calls"), place.get("invalid_tool_calls")]
        some = [call for some in calls if isinstance(some, list) for call in some]
        if isinstance(place.get("function_call"), dict):
            some.append({"function": place["function_call"]})
        if some:  # LangChain keeps them twice
            yield from some
            return


def _item(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What an item of the Responses API says, and who."""
    kind = str(item.get("type"))
    if kind == "message":
        content = item.get("content")
        blocks = content if isinstance(content, list) else [content]
        speaker = str(item.get("role") or "assistant")
        yield speaker, "\n".join(filter(None, (speaker_and_text(block, speaker)[1] for block in blocks)))
    elif kind in _OUTPUTS:
        yield "tool", result_text(item)
    elif kind == "reasoning":
        yield "assistant", "[reasoning]"
    elif kind == "image_generation_call":
        yield "assistant", "[image]"
    else:
        name = item.get("name")
        told = next((item[key] for key in ("arguments", "input", "action", "code", "queries") if item.get(key)), None)
        yield (
            "assistant",
            call_text({"name": name if isinstance(name, str) else kind.removesuffix("_call"), "arguments": told}),
        )
        if item.get("output") is not None or item.get("results") is not None:
            yield "tool", content_text(item.get("output") or item.get("results"))


def _add_item(found: list[ParsedTurn], item: Mapping[str, Any], joins: bool) -> bool:
    """Adds what an item says; whether the next one goes on with the same turn."""
    for speaker, text in _item(item):
        own = role_of(speaker) == "assistant"
        silent = own and item.get("type") != "message"
        if own and found and role_of(found[-1].speaker) == "assistant" and (joins or silent):
            last = found.pop()
            content = "\n".join(filter(None, (last.content, text)))
            found.append(ParsedTurn(last.speaker, content, last.name, last.at, last.metadata))
        else:
            found.append(ParsedTurn(speaker, text))
        joins = silent
    return joins
