"""The parts of a turn: texts, reasoning, calls of tools and their results, media; and the content that people see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the turn."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A model's thoughts before or between its words: no part of what it answers; empty where the log hides them."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool.

    Attributes:
        name: the tool; empty where the log does not name it.
        arguments: as the log has them, usually JSON.
        id: by which the result names the call; empty for none.
    """

    name: str
    arguments: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool.

    Attributes:
        text: the result.
        id: that of the call; empty for none.
        name: the tool; empty where the log does not name it.
    """

    text: str
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a recording, a file or anything else that is no text.

    Attributes:
        kind: `image`, `audio`, `video`, `file`, or the log's own word.
        name: the file's name; empty for none.
    """

    kind: str
    name: str = ""


Part = Text | Reasoning | ToolCall | ToolResult | Media


def short_form(part: Part) -> str | None:
    """Return a part as people see it in the turn's content; None for reasoning and an empty result: both are unseen."""
    match part:
        case Text(text):
            return text
        case ToolCall(name, arguments):
            return f"[tool call {name}({arguments})]" if name else "[tool call]"
        case ToolResult(text):
            return text or None
        case Media(kind, name):
            return f"[{kind}: {name}]" if name else f"[{kind}]"
        case Reasoning():
            return None


def visible_content(parts: Iterable[Part]) -> str:
    """Return the content of a turn with these parts: their short forms, joined by line ends."""
    return "\n".join(form for part in parts if (form := short_form(part)) is not None)


def normalized_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts with neighbouring texts as one; none where there are only texts."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and joined and isinstance(last := joined[-1], Text):
            joined[-1] = Text(f"{last.text}\n{part.text}")
        else:
            joined.append(part)
    return () if all(isinstance(part, Text) for part in joined) else tuple(joined)


def aligned_parts(parts: Sequence[Part], content: str) -> tuple[Part, ...]:
    """Return the parts of an edited content.

    Short forms that still stand on lines of their own, in their order, stay parts; all else is text. An only result of
    a tool takes the edited content as its text. Reasoning is dropped: it does not belong to the edited words.
    """
    visible = [part for part in parts if short_form(part)]
    if len(visible) == 1 and isinstance(result := visible[0], ToolResult):
        return (replace(result, text=content),)
    aligned: list[Part] = []
    place = 0  # in the content, after the line end behind the last part
    for part in visible:
        form = "" if isinstance(part, Text) else short_form(part) or ""
        if not form or (start := _line_start(content, form, place)) is None:
            continue
        if start > place:
            aligned.append(Text(content[place : start - 1]))
        aligned.append(part)
        place = start + len(form) + 1
    if place <= len(content):
        aligned.append(Text(content[place:]))
    return normalized_parts(aligned)


def _line_start(content: str, form: str, place: int) -> int | None:
    """Return the first place, from `place` on, where a form fills whole lines; None for none."""
    start = content.find(form, place)
    while start >= 0:
        end = start + len(form)
        if (start == place or content[start - 1] == "\n") and (end == len(content) or content[end] == "\n"):
            return start
        start = content.find(form, start + 1)
    return None
