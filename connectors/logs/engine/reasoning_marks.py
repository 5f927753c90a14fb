"""Reasoning, and calls of tools, that stand in the text of an answer between marks: `<think>…</think>` and the like."""

import re
from collections.abc import Iterator, Sequence

from convexplain.parts import Part, Reasoning, Text, visible_content

from .harmony import harmony_messages, is_harmony
from .marked_calls import call_pieces, has_calls

_MARKS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
}
"""Marks at the beginning of an answer, each with its end."""
_STARTS = ("<", "[", "◁")
_UNOPENED = re.compile(r"(?:\A|\n)[ \t]*</think(?:ing)?>[ \t]*(?:\n|\Z)")
"""The end of thoughts whose beginning the prompt held: a line of its own."""
_OPENING = re.compile(rf"\s*({'|'.join(map(re.escape, _MARKS))})")
_DETAILS = re.compile(r'<details type="reasoning"[^>\n]{0,500}>')
_DETAILS_END = "</details>"
_SUMMARY = re.compile(r"\s*<summary>[^<]*</summary>\n?")


def may_be_marked(text: str) -> bool:
    """Return whether an answer may hold marked reasoning or calls; where it is false, it holds none."""
    if text.lstrip()[:1] in _STARTS:
        return True
    return "<" in text and ("</think" in text or has_calls(text) or '<details type="reasoning"' in text)


def parts_of_marked(parts: Sequence[Part]) -> tuple[Part, ...] | None:
    """Return the parts of an assistant's turn with what is marked as parts; None where nothing is marked."""
    if not any(isinstance(part, Text) and may_be_marked(part.text) for part in parts):
        return None
    split = tuple(piece for part in parts for piece in (_pieces(part.text) if isinstance(part, Text) else (part,)))
    return None if split == tuple(parts) else split


def without_marked(text: str) -> str:
    """Return an answer without marked reasoning, and with marked calls as people see them."""
    return visible_content(tuple(_pieces(text))) if may_be_marked(text) else text


def _pieces(text: str) -> Iterator[Part]:
    """Yield the reasoning at the beginning of a text, and in Open WebUI's details, calls of tools, and what is left."""
    if is_harmony(text):
        yield from (message.part for message in harmony_messages(text))
        return
    place = 0
    while (leading := _leading(text, place)) is not None:
        thought, place = leading
        yield Reasoning(thought)
    for piece in _without_details(text[place:].lstrip() if place else text):
        if isinstance(piece, Text) and has_calls(piece.text):
            yield from call_pieces(piece.text)
        else:
            yield piece


def _without_details(text: str) -> Iterator[Text | Reasoning]:
    place = 0
    while (opening := _DETAILS.search(text, place)) is not None:
        end = text.find(_DETAILS_END, opening.end())
        if end < 0:
            break
        yield from _non_blank(text[place : opening.start()])
        thought = text[opening.end() : end]
        summary = _SUMMARY.match(thought)
        yield Reasoning(_unquoted(thought[summary.end() :] if summary else thought))
        place = end + len(_DETAILS_END)
    if place:
        yield from _non_blank(text[place:])
    elif text:
        yield Text(text)


def _leading(text: str, place: int) -> tuple[str, int] | None:
    """Return the marked thoughts at a place in a text, and the place after them; None without any.

    A mark without an end is one where a line end follows it: the answer was cut while the model thought.
    """
    if (mark := _OPENING.match(text, place)) is not None:
        closing = _MARKS[mark[1]]
        end = text.find(closing, mark.end())
        if end >= 0:
            return text[mark.end() : end].strip(), end + len(closing)
        return (text[mark.end() :].strip(), len(text)) if text.startswith("\n", mark.end()) else None
    if not place and (close := _UNOPENED.search(text)) is not None:
        return text[: close.start()].strip(), close.end()
    return None


def _non_blank(text: str) -> Iterator[Text]:
    if text.strip():
        yield Text(text.strip("\n"))


def _unquoted(text: str) -> str:
    """Return the lines of a quotation in Markdown without their marks."""
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in text.strip().split("\n"))
