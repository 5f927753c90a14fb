"""Reasoning that stands in the text of an answer, between marks: `<think>…</think>` and the like."""

import re
from collections.abc import Iterator, Sequence

from convexplain.parts import Part, Reasoning, Text

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
_DETAILS = re.compile(r'<details type="reasoning"[^>\n]*>(.*?)</details>\n?', re.DOTALL)
_SUMMARY = re.compile(r"\s*<summary>[^<]*</summary>\n?")


def parts_of_marked(parts: Sequence[Part]) -> tuple[Part, ...] | None:
    """Return the parts of an assistant's turn with marked reasoning as parts; None where nothing is marked."""
    if not any(isinstance(part, Text) and _may_be_marked(part.text) for part in parts):
        return None
    split = tuple(piece for part in parts for piece in (_pieces(part.text) if isinstance(part, Text) else (part,)))
    return None if split == tuple(parts) else split


def without_marked(text: str) -> str:
    """Return an answer without marked reasoning."""
    if not _may_be_marked(text):
        return text
    return "\n".join(piece.text for piece in _pieces(text) if isinstance(piece, Text))


def _may_be_marked(text: str) -> bool:
    return text.lstrip()[:1] in _STARTS or "</think" in text or '<details type="reasoning"' in text


def _pieces(text: str) -> Iterator[Text | Reasoning]:
    """Yield the reasoning at the beginning of a text, and in Open WebUI's details, and what is left."""
    while (split := _leading(text)) is not None:
        thought, text = split
        yield Reasoning(thought)
    place = 0
    for details in _DETAILS.finditer(text):
        yield from _non_blank(text[place : details.start()])
        yield Reasoning(_unquoted(_SUMMARY.sub("", details[1], count=1)))
        place = details.end()
    yield from _non_blank(text[place:]) if place else (Text(text),) if text else ()


def _leading(text: str) -> tuple[str, str] | None:
    """Return the marked thoughts at the beginning of a text, and the text after them; None without any.

    A mark without an end is one where a line end follows it: the answer was cut while the model thought.
    """
    stripped = text.lstrip()
    for mark, end in _MARKS.items():
        if stripped.startswith(mark):
            thought, closed, answer = stripped[len(mark) :].partition(end)
            if closed or thought.startswith("\n"):
                return thought.strip(), answer.lstrip()
            return None
    if "</think" in text and (close := _UNOPENED.search(text)) is not None:
        return text[: close.start()].strip(), text[close.end() :].lstrip()
    return None


def _non_blank(text: str) -> Iterator[Text]:
    if text.strip():
        yield Text(text.strip("\n"))


def _unquoted(text: str) -> str:
    """Return the lines of a quotation in Markdown without their marks."""
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in text.strip().split("\n"))
