"""OpenAI's harmony: messages of gpt-oss between special tokens, each with its role, its channel and its recipient."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from convexplain.parts import Part, Reasoning, Text, ToolCall, ToolResult

_START, _CHANNEL, _MESSAGE = "<|start|>", "<|channel|>", "<|message|>"
_MESSAGES = re.compile(
    r"<\|start\|>(?P<header>(?:(?!<\|(?:start|message)\|>).){0,300}?)<\|message\|>"
    r"(?P<text>.*?)(?:<\|(?:end|return|call)\|>|(?=<\|start\|>)|\Z)",
    re.DOTALL,
)
_ROLE = re.compile(r"\s*([^\s<]+)")
_CHANNEL_NAME = re.compile(r"<\|channel\|>\s*([\w.-]+)")
_RECIPIENT = re.compile(r"\bto=([\w.:/-]+)")
_ROLES = ("system", "developer", "user", "assistant")
_FUNCTIONS = "functions."


@dataclass(frozen=True, slots=True)
class HarmonyMessage:
    """A message between special tokens.

    Attributes:
        role: "system", "developer", "user" or "assistant", or else the tool that gives a result.
        channel: "analysis" (reasoning), "commentary" or "final"; "" for none.
        recipient: the tool that is called; "" for none.
        text: the text.
    """

    role: str
    channel: str
    recipient: str
    text: str

    @property
    def is_result(self) -> bool:
        """Return whether it is the result of a tool."""
        return self.role not in _ROLES

    @property
    def part(self) -> Part:
        """Return the message as a part of a turn."""
        if self.is_result:
            return ToolResult(self.text, name=self.role.removeprefix(_FUNCTIONS))
        if self.recipient not in ("", "user", "assistant"):
            return ToolCall(self.recipient.removeprefix(_FUNCTIONS), self.text)
        return Reasoning(self.text) if self.channel == "analysis" else Text(self.text)


def is_harmony(text: str) -> bool:
    """Return whether a text holds messages in harmony's form, or an answer that goes on after its beginning."""
    start = text.lstrip()
    return start.startswith(_START) or (start.startswith(_CHANNEL) and _MESSAGE in text)


def harmony_messages(text: str) -> Iterator[HarmonyMessage]:
    """Yield the messages in a text; an answer may begin behind `<|start|>assistant`, which the prompt held."""
    if not text.lstrip().startswith(_START):
        text = f"{_START}assistant{text.lstrip()}"
    for match in _MESSAGES.finditer(text):
        header = match["header"]
        role, channel, recipient = (form.search(header) for form in (_ROLE, _CHANNEL_NAME, _RECIPIENT))
        yield HarmonyMessage(
            role[1] if role else "assistant",
            channel[1] if channel else "",
            recipient[1] if recipient else "",
            match["text"],
        )
