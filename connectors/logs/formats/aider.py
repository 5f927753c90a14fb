"""Aider's history of chats, `.aider.chat.history.md`: Markdown in which the user's lines are headings."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from convexplain.connectors.logs.engine.fields import count_summary
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_START = re.compile(r"# aider chat started at (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*")
_FENCE = ("```", "~~~")
_SPOKEN = re.compile(r"/(?:ask|code|architect|chat-mode \w+)\s+", re.ASCII)
"""Commands whose rest is a message to the model."""
_COMMANDS = "commands to the program"
_OUTPUT = "lines of the program"


class _Chat:
    """A chat whose lines are read one after the other."""

    def __init__(self, position: int, began: datetime) -> None:
        self.position = position
        self.conversation = ParsedConversation([], {"began": began.isoformat(sep=" ")})
        self._left_out: Counter[str] = Counter()
        self._speaker = ""
        self._lines: list[str] = []
        self._in_code = False

    def add(self, line: str) -> None:
        """Take the next line."""
        after_blank = not self._lines or not self._lines[-1].strip()
        if line.startswith("####") and line[4:5] in ("", " ") and (not self._in_code or after_blank):
            self._switch("user", line[4:].removeprefix(" ").rstrip())
        elif line.startswith(">") and line[1:2] in ("", " ") and not self._in_code:
            self._left_out[_OUTPUT] += bool(line[1:].strip())
            self.conversation.aside.append(line)
            self._switch("", "")
        else:
            self._in_code ^= line.startswith(_FENCE)
            if self._speaker == "assistant" or line.strip():
                self._switch("assistant", line)

    def _switch(self, speaker: str, line: str) -> None:
        if speaker != self._speaker:
            self.end_turn()
            self._speaker, self._lines = speaker, []
        self._lines.append(line)

    def end_turn(self) -> None:
        """Add the lines of the current speaker as a turn; a command to the program is none."""
        self._in_code = False
        text = "\n".join(self._lines).strip()
        spoken = _SPOKEN.match(text) if self._speaker == "user" else None
        if spoken is not None:
            text = text[spoken.end() :]
        elif self._speaker == "user" and text.startswith(("/", "!")):
            self._left_out[_COMMANDS] += 1
            self.conversation.aside += [f"#### {command}" for command in self._lines]
            text = ""
        if self._speaker and text:
            turns = self.conversation.turns
            if turns and turns[-1].speaker == self._speaker:  # what the program writes stands between two parts
                turns[-1] = ParsedTurn(self._speaker, f"{turns[-1].content}\n\n{text}")
            else:
                turns.append(ParsedTurn(self._speaker, text))

    def record(self, number: int) -> ParsedRecord:
        """Return the chat, after its last line."""
        self.end_turn()
        if +self._left_out:
            self.conversation.remarks.append(f"left out: {count_summary(+self._left_out)}")
        return ParsedRecord(self.position, number, None, [self.conversation])


def is_history(head: str) -> bool:
    """Return whether a text that begins so is a history of Aider."""
    return _START.match(head.lstrip("\ufeff\r\n ")) is not None


def read_text(text: LogText, _assistant: frozenset[str], _report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the chats in a history that hold messages. What the program writes begins with `>`, and is left out."""
    chat: _Chat | None = None
    count = 0
    aside: list[Any] = []
    for number, raw in text.lines():
        line = raw.rstrip("\r\n").removeprefix("\ufeff")
        if (start := _START.fullmatch(line)) is not None:
            if chat is not None:
                record = chat.record(count + 1)
                if record.conversations[0].turns:
                    count += 1
                    yield record
                else:
                    aside = record.conversations[0].aside
            chat = _Chat(number, datetime.fromisoformat(start["time"]))
            chat.conversation.aside, aside = aside, []
        elif chat is not None:
            chat.add(line)
    if chat is not None and (record := chat.record(count + 1)).conversations[0].turns:
        yield record


AIDER = LogFormat(
    "aider",
    "Aider's history of chats, `.aider.chat.history.md`; the program's own lines and commands to it are left out.",
    "# aider chat started at 2024-05-01 10:00:00\n\n> Aider v0.86.1  \n\n#### Hi  \n\nHello\n\n> Tokens: 1 sent.  \n",
    is_text=is_history,
    read_text=read_text,
)
