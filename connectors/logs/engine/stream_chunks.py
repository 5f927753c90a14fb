"""Answers that were recorded as they were streamed, put together again from their chunks: OpenAI's (chat, legacy
completions and Responses), Anthropic's, Gemini's, Cohere's, Bedrock's, Ollama's and TGI's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convexplain.parts import Part, Reasoning, Text, ToolCall

from .api_messages import parse_messages
from .content_blocks import THOUGHTS, call_part, content_parts, thought_text
from .fields import first_text, object_at, objects
from .parse_results import ParsedTurn

_ANTHROPIC_WORDS = (
    "message_start content_block_start content_block_delta content_block_stop message_delta message_stop ping"
)
_COHERE_WORDS = (
    "message-start content-start content-delta content-end tool-plan-delta tool-call-start tool-call-delta "
    "tool-call-end citation-start citation-end message-end"
)
_TYPES = frozenset((*_ANTHROPIC_WORDS.split(), *_COHERE_WORDS.split()))
_STARTS = ("message_start", "message-start", "response.created")
_OPENAI = ("chat.completion.chunk", "text_completion.chunk")
_BEDROCK = ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")


def is_chunk(value: Any) -> bool:
    """Return whether a JSON value is a chunk of a streamed answer."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    if isinstance(kind, str) and (kind in _TYPES or (kind.startswith("response.") and "sequence_number" in value)):
        return kind != "ping" or len(value) == 1
    if value.get("object") in _OPENAI:
        return True
    return len(value) == 1 and next(iter(value)) in _BEDROCK[:-1]


def streamed_turns(chunks: Sequence[Any]) -> list[ParsedTurn]:
    """Return the turns of the first answer in chunks."""
    answer = next(iter(streamed_answers(chunks)), None)
    return [] if answer is None else answer.turns()


def streamed_answers(chunks: Sequence[Any]) -> Iterator["StreamedAnswer"]:
    """Yield the answers in chunks, in the order of their beginnings."""
    answers: dict[str, StreamedAnswer] = {}
    current = ""
    is_over = False
    for chunk in chunks:
        if not isinstance(chunk, dict):
            continue
        if own_id := _answer_id(chunk):
            current = own_id
        elif is_over or chunk.get("type") in _STARTS:
            current = f"\x00{len(answers)}"
        answers.setdefault(current, StreamedAnswer("" if current.startswith("\x00") else current)).add(chunk)
        is_over = _is_last(chunk)
    yield from answers.values()


def _is_last(chunk: Mapping[str, Any]) -> bool:
    """Return whether a chunk is the last one of an answer that may have no id: Gemini's, Ollama's, TGI's."""
    candidates = objects(chunk.get("candidates"))
    ends = chunk.get("done") is True or chunk.get("finish_reason") is not None
    return ends or bool(
        first_text(chunk, "generated_text") or (candidates and first_text(candidates[0], "finishReason"))
    )


def _answer_id(chunk: Mapping[str, Any]) -> str:
    """Return the id of the answer that a chunk names; "" for none."""
    kind = first_text(chunk, "type")
    if kind == "message_start":
        return first_text(object_at(chunk, "message"), "id")
    if kind.startswith("response."):
        return first_text(object_at(chunk, "response"), "id") or first_text(chunk, "response_id")
    if kind in _TYPES:
        return first_text(chunk, "id") if kind == "message-start" else ""
    return first_text(chunk, "id", "responseId", "generation_id")


@dataclass(slots=True)
class StreamedAnswer:
    """An answer in the making.

    Attributes:
        id: its id; "" for none.
        texts, thoughts: the pieces of its text and of its reasoning.
        calls: its calls of tools by their places, each with its name, its id and the pieces of its arguments.
        items: the answer's items, where a last chunk holds them all.
        further: the number of further choices, which are left out.
    """

    id: str
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: dict[Any, dict[str, Any]] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    further: set[Any] = field(default_factory=set)

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Add a chunk."""
        kind = first_text(chunk, "type")
        if isinstance(chunk.get("choices"), list):
            self._add_choices(chunk)
        elif kind.startswith("response."):
            self._add_response_event(kind, chunk)
        elif kind in _TYPES and "-" in kind:
            self._add_cohere_event(kind, object_at(chunk, "delta", "message"), chunk.get("index"))
        elif kind in _TYPES:
            self._add_block_event(chunk, chunk.get("index"))
        elif any(name in chunk for name in _BEDROCK[1:3]):
            event = object_at(chunk, "contentBlockDelta") or object_at(chunk, "contentBlockStart")
            self._add_block_event(event, event.get("contentBlockIndex"))
        else:
            self._add_plain_chunk(chunk)

    def turns(self) -> list[ParsedTurn]:
        """Return the turns of the answer; none where it is empty."""
        if self.items:
            return parse_messages(self.items, [])
        parts: list[Part] = [Reasoning("".join(self.thoughts))] if self.thoughts else []
        parts += [Text("".join(self.texts))] if self.texts else []
        parts += [
            ToolCall(first_text(call, "name") or "?", "".join(call["pieces"]), first_text(call, "id"))
            for call in self.calls.values()
        ]
        turn = ParsedTurn.of_parts("assistant", parts)
        return [turn] if turn.content.strip() or turn.is_thought else []

    def _add_choices(self, chunk: Mapping[str, Any]) -> None:
        for choice in objects(chunk["choices"]):
            if choice.get("index", 0) != 0:
                self.further.add(str(choice.get("index")))
                continue
            delta = object_at(choice, "delta") or object_at(choice, "message")
            self.texts += filter(None, [first_piece(choice, "text"), *_text_pieces(delta.get("content"))])
            self.texts += filter(None, [first_piece(delta, "refusal")])
            self.thoughts += filter(None, [next((piece for key in THOUGHTS if (piece := _thought(delta, key))), "")])
            for call in objects(delta.get("tool_calls")):
                self._add_call(call.get("index", call.get("id")), call)
            if isinstance(delta.get("function_call"), dict):
                self._add_call(0, {"function": delta["function_call"]})

    def _add_call(self, place: Any, call: Mapping[str, Any]) -> None:
        """Add a piece of a call; its id and its name come with the first one."""
        function = object_at(call, "function") or call
        place = str(place)
        pieces = self.calls.setdefault(place, {"pieces": []})
        for key, text in (
            ("id", first_text(call, "call_id", "toolUseId", "id")),
            ("name", first_text(function, "name")),
        ):
            if text and not pieces.get(key):
                pieces[key] = text
        pieces["pieces"] += filter(None, [first_piece(function, "arguments")])

    def _add_response_event(self, kind: str, chunk: Mapping[str, Any]) -> None:
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self.items = objects(object_at(chunk, "response").get("output"))
        elif kind in ("response.output_text.delta", "response.refusal.delta"):
            self.texts += filter(None, [first_piece(chunk, "delta")])
        elif kind.startswith("response.reasoning") and kind.endswith(".delta"):
            self.thoughts += filter(None, [first_piece(chunk, "delta")])
        elif kind == "response.output_item.added" and object_at(chunk, "item").get("type") == "function_call":
            self._add_call(chunk.get("output_index"), {**object_at(chunk, "item"), "arguments": ""})
        elif kind == "response.function_call_arguments.delta":
            self._add_call(chunk.get("output_index"), {"arguments": chunk.get("delta")})

    def _add_block_event(self, event: Mapping[str, Any], place: Any) -> None:
        """Add an event of Anthropic's, or of Bedrock's Converse."""
        block = object_at(event, "content_block") or object_at(event, "start", "toolUse")
        delta = object_at(event, "delta")
        if block.get("type") in ("tool_use", "server_tool_use", "mcp_tool_use") or "toolUseId" in block:
            self._add_call(place, {**block, "arguments": ""})
            return
        for source in (block, delta):
            self.texts += filter(None, [first_piece(source, "text")])
            self.thoughts += filter(
                None, [first_piece(source, "thinking"), first_piece(object_at(source, "reasoningContent"), "text")]
            )
        arguments = first_piece(delta, "partial_json") or first_piece(object_at(delta, "toolUse"), "input")
        if arguments:
            self._add_call(place, {"arguments": arguments})

    def _add_cohere_event(self, kind: str, message: Mapping[str, Any], place: Any) -> None:
        content, calls = message.get("content"), message.get("tool_calls")
        if kind in ("content-start", "content-delta") and isinstance(content, dict):
            self.texts += filter(None, [first_piece(content, "text")])
            self.thoughts += filter(None, [first_piece(content, "thinking")])
        elif kind == "tool-plan-delta":
            self.thoughts += filter(None, [first_piece(message, "tool_plan")])
        elif kind in ("tool-call-start", "tool-call-delta") and isinstance(calls, dict):
            self._add_call(place, calls)

    def _add_plain_chunk(self, chunk: Mapping[str, Any]) -> None:
        """Add a chunk of Gemini's, Ollama's or TGI's, or an event of Cohere's first version."""
        candidates = objects(chunk.get("candidates"))
        self.further |= {str(number) for number in range(1, len(candidates))}
        message, token = object_at(chunk, "message"), object_at(chunk, "token")
        content = object_at(candidates[0], "content").get("parts") if candidates else message.get("content")
        for part in content_parts(content):
            if isinstance(part, Text):
                self.texts.append(part.text)
            elif isinstance(part, Reasoning):
                self.thoughts.append(part.text)
            elif isinstance(part, ToolCall):
                self.calls[len(self.calls)] = {"id": part.id, "name": part.name, "pieces": [part.arguments]}
        for call in map(call_part, objects(message.get("tool_calls"))):
            self.calls[len(self.calls)] = {"id": call.id, "name": call.name, "pieces": [call.arguments]}
        self.thoughts += filter(None, [_thought(message, "thinking")])
        if chunk.get("event_type") in (None, "text-generation"):
            if token:
                self.texts += [] if token.get("special") is True else filter(None, [first_piece(token, "text")])
            else:
                self.texts += filter(None, [first_piece(chunk, "text") or first_piece(chunk, "response")])


def first_piece(source: Mapping[str, Any], key: str) -> str:
    """Return the text under a key as it is, also where it is blank; "" for none."""
    piece = source.get(key)
    return piece if isinstance(piece, str) else ""


def _text_pieces(content: Any) -> list[str]:
    return [part.text for part in content_parts(content) if isinstance(part, Text)]


def _thought(delta: Mapping[str, Any], key: str) -> str:
    thought = delta.get(key)
    return thought if isinstance(thought, str) else thought_text(thought)
