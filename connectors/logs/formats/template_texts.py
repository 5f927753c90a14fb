"""Texts with the special tokens of chat templates: ChatML, Llama 3, and harmony (gpt-oss)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.harmony import HarmonyMessage, harmony_messages
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.marked_calls import marked_results
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_TURNS = re.compile(
    r"<\|im_start\|>(?P<chatml>[^\n<]{1,40})\n(?P<chatml_text>.*?)(?:<\|im_end\|>|(?=<\|im_start\|>)|\Z)"
    r"|<\|start_header_id\|>(?P<llama>[^\n<]{1,40})<\|end_header_id\|>\n*(?P<llama_text>.*?)"
    r"(?:<\|e[ot][mt]_id\|>|<\|eom_id\|>|(?=<\|start_header_id\|>)|\Z)",
    re.DOTALL,
)
_HARMONY = "<|start|>"
_BEGINS = re.compile(r"\s*<\|(?:im_start|start|begin_of_text|start_header_id)\|>")
_BOUNDARY = re.compile(r"(?:(?<=\S)|^)\s*(?=<\|begin_of_text\|>|<\|im_start\|>system\b|<\|start\|>system\b)")
"""Where a conversation begins in a text of several."""
_PROMPT, _TEXT = "prompt", "text"
_ANSWERS = ("completion", "response", "output")


def is_template(head: str) -> bool:
    """Return whether a text begins with the tokens of a chat template."""
    return _BEGINS.match(head) is not None


def is_record(value: Any) -> bool:
    """Return whether a JSON value is an object with such a text, or with such a prompt and its answer."""
    if not isinstance(value, dict):
        return False
    if isinstance(prompt := value.get(_PROMPT), str) and is_template(prompt):
        return True
    text = value.get(_TEXT)
    return isinstance(text, str) and is_template(text) and not any(value.get(name) for name in _ANSWERS)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a record."""
    key = _PROMPT if isinstance(prompt := record.get(_PROMPT), str) and is_template(prompt) else _TEXT
    answer = next((name for name in _ANSWERS if isinstance(record.get(name), str)), "") if key == _PROMPT else ""
    text = record[key] + record.get(answer, "")
    return [ParsedConversation(template_turns(text), extra_metadata(record, {key, answer}))]


def read_text(text: LogText, _assistant: frozenset[str], _report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in a text: each begins with a system text, or with the token of a text's beginning."""
    count = 0
    for position, chat in _chats(text):
        if turns := template_turns(chat):
            count += 1
            yield ParsedRecord(position, count, None, [ParsedConversation(turns)])


def _chats(text: LogText) -> Iterator[tuple[int, str]]:
    """Yield the parts of a text that hold a conversation, each with its first line."""
    began, lines = 1, list[str]()
    for number, line in text.lines():
        first, *beginnings = _BOUNDARY.split(line)
        lines.append(first)
        for beginning in beginnings:
            if any(part.strip() for part in lines):
                yield began, "".join(lines)
            began, lines = number, [beginning]
    yield began, "".join(lines)


def template_turns(text: str) -> list[ParsedTurn]:
    """Return the turns in a text with the tokens of a chat template."""
    if text.lstrip().startswith(_HARMONY):
        return [*_harmony_turns([*harmony_messages(text)])]
    turns = []
    for match in _TURNS.finditer(text):
        speaker = (match["chatml"] or match["llama"]).strip()
        content = match["chatml_text"] if match["chatml"] else match["llama_text"]
        content = content.removesuffix("\n")
        if results := marked_results(content) if speaker in ("user", "tool") else ():
            turns += ParsedTurn.of_parts("tool", results).without_results()
        elif content.strip():
            turns.append(ParsedTurn(speaker, content))
    return turns


def _harmony_turns(messages: Sequence[HarmonyMessage]) -> Iterator[ParsedTurn]:
    """Yield the turns of messages: what the assistant thinks, calls and says in a row is one turn."""
    pending: list[HarmonyMessage] = []
    for message in messages:
        if message.role == "assistant":
            pending.append(message)
            continue
        if pending:
            yield ParsedTurn.of_parts("assistant", [part.part for part in pending])
            pending = []
        if message.is_result:
            yield ParsedTurn.of_parts("tool", [message.part])
        elif message.text.strip():
            yield ParsedTurn(message.role, message.text)
    if pending:
        yield ParsedTurn.of_parts("assistant", [part.part for part in pending])


TEMPLATE_TEXTS = LogFormat(
    "chat-template",
    "Texts with the special tokens of chat templates: ChatML, Llama 3, harmony (gpt-oss).",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n",
    is_text=is_template,
    read_text=read_text,
)
TEMPLATE_RECORDS = LogFormat(
    "chat-template-records",
    "The same in records: under `text`, or a `prompt` with its `completion`, `response` or `output`.",
    '{"text": "<|im_start|>user\\nHi<|im_end|>\\n<|im_start|>assistant\\nHello<|im_end|>\\n"}',
    is_record,
    read_record,
)
