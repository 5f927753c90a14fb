"""Chatdown: `.chat` files, in which people write down conversations with bots: `user=Anna`, `bot=Shop`, `Anna: Hi`."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from convexplain.connectors.logs.engine.fields import count_summary, file_placeholder
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.metadata import clean_text
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_HEADER = re.compile(r"\s*(users?|bot|channelid|conversationid)\s*=\s*(.*?)\s*", re.IGNORECASE)
_SPOKEN = re.compile(r"\s*([^\s:=\[\]>][^:=\[\]>\n]{0,59}?)\s*(?:->\s*([^:\[\]\n]{1,60}?)\s*)?:(.*)", re.DOTALL)
_SILENT_WORDS = (
    "typing delay attachmentlayout inputhint conversationupdate contactrelationupdate endofconversation event trace"
)
_SILENT = frozenset(_SILENT_WORDS.split())
_CARDS = "hero thumbnail signin animation audio video receipt oauth adaptive media"
_WORDS = rf"{'|'.join(_SILENT)}|attachments?|suggestions|suggestedactions|card|(?:{'|'.join(_CARDS.split())})card"
_INSTRUCTION = re.compile(rf"\[\s*({_WORDS})\s*(?:[=:]([^\]]{{0,20000}}))?\]", re.IGNORECASE)
_TITLE = re.compile(r"^\s*(?:title|text)\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_LOOK = 20


def is_chatdown(head: str) -> bool:
    """Return whether a text that begins so is a chat file: it names the user or the bot before anybody speaks."""
    lines = [line for line in head.splitlines()[:_LOOK] if line.strip() and not line.lstrip().startswith(">")]
    if not lines or _HEADER.fullmatch(lines[0]) is None:
        return False
    named = [header[1].lower() for line in lines if (header := _HEADER.fullmatch(line))]
    return "bot" in named and len(named) < len(lines)


def read_text(text: LogText, assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversation in a chat file. Instructions without a text (typing, delays, updates) are left out and
    reported.
    """
    names: dict[str, tuple[str, str | None]] = {"user": ("user", None), "bot": ("assistant", None)}
    conversation = ParsedConversation([])
    skipped: Counter[str] = Counter()
    current: tuple[str, str | None, dict[str, Any]] | None = None
    gathered: list[str] = []
    first = 1
    for line, raw in text.lines():
        content = raw.rstrip("\r\n")
        if content.lstrip().startswith(">"):
            skipped["comment"] += 1
            conversation.aside.append(content)
            continue
        if current is None and (header := _HEADER.fullmatch(content)) is not None:
            _add_name(names, header[1].lower(), header[2], conversation)
            continue
        spoken = _SPOKEN.fullmatch(content)
        if spoken is None or spoken[1].strip().lower() not in names:
            gathered.append(content)
            continue
        _end_turn(conversation, current, gathered, skipped)
        first = first if conversation.turns or current else line
        role, name = names[spoken[1].strip().lower()]
        current = role, name, {"to": clean_text(spoken[2])} if spoken[2] else {}
        gathered = [spoken[3]]
    _end_turn(conversation, current, gathered, skipped)
    if skipped:
        report(None, f"what nobody says is left out ({count_summary(skipped)})", kept=True)
    yield ParsedRecord(first, 1, conversation.metadata.pop("conversationid", None), [conversation])


def _add_name(names: dict[str, tuple[str, str | None]], key: str, value: str, conversation: ParsedConversation) -> None:
    """Add a name of the header to the speakers, or another header to the metadata."""
    if key in ("channelid", "conversationid"):
        if value.strip():
            conversation.metadata[key] = clean_text(value)
        return
    role = "assistant" if key == "bot" else "user"
    for number, name in enumerate(filter(None, map(str.strip, value.split(",")))):
        names[name.lower()] = role, clean_text(name)
        if not number:
            names[role if role == "user" else "bot"] = role, clean_text(name)


def _end_turn(
    conversation: ParsedConversation,
    current: tuple[str, str | None, dict[str, Any]] | None,
    gathered: list[str],
    skipped: Counter[str],
) -> None:
    """Add the gathered lines as a turn, with its instructions replaced."""
    text = "\n".join(gathered)
    content = _INSTRUCTION.sub(lambda match: _instruction_text(match, skipped), text).strip()
    if current is None:
        if preface := sum(bool(line.strip()) for line in content.splitlines()):
            conversation.remarks.append(f"text before the first speaker was left out (lines: {preface})")
            conversation.aside += gathered
        return
    if text.strip() and not content:
        return  # typing by itself is no turn
    role, name, about = current
    conversation.turns.append(ParsedTurn(role, content, name, None, about))


def _instruction_text(match: re.Match[str], skipped: Counter[str]) -> str:
    """Return the text that an instruction shows; "" for none."""
    kind, value = match[1].lower(), (match[2] or "").strip()
    if kind in _SILENT:
        skipped[kind] += 1
        return ""
    if kind in ("attachment", "attachments"):
        path, _, media_type = value.partition(" ")
        return file_placeholder(media_type.strip() or None, path or None)
    if kind in ("suggestions", "suggestedactions"):
        choices = [choice.strip() for choice in value.split("|") if choice.strip()]
        return f"[suggestions: {' | '.join(choices)}]" if choices else "[suggestions]"
    titles = [title.strip() for title in _TITLE.findall(value)]
    return f"[card: {' | '.join(titles)}]" if titles else "[card]"


CHATDOWN = LogFormat(
    "chatdown",
    "Bot Framework's .chat files: who user and bot are, then `Speaker: text` with instructions in brackets.",
    "user=Anna\nbot=Shop\n\nuser: Hi\nbot: Hello\n",
    is_text=is_chatdown,
    read_text=read_text,
)
