"""A text without one of its sentences: its gaps, list numbers and pairs of marks are mended. Pure functions."""

from collections.abc import Iterator

import regex

from convexplain.types import Unit

_WORD = regex.compile(r"\w")
_FENCE = regex.compile(r"\s*(`{3,}|~{3,})")
_TABLE_RULE = regex.compile(r"\s*\|?(?:\s*:?-{3,}:?\s*\|)*\s*:?-{3,}:?\s*\|?\s*")
_HEADING = regex.compile(r"\s*#{1,6}\s")
_MARKER = regex.compile(r"(?:[-*+•·–](?=\s)|\d{1,3}[.)](?=\s)|\d{1,3}[、．]|[（(]\d{1,2}[）)]|>)\s*+")
_NUMBERED = regex.compile(r"([ \t]*)(\d{1,3})([.)](?=\s)|[、．])")
_MENTIONS_NUMBER = regex.compile(r"(?i)\b(?:steps?|items?|points?|options?|numbers?|#)\s?\d|第\s?\d")
_LEAD_IN = regex.compile(r"[:：][*_]*\s*$")
_PAIRS = {
    "(": ")",
    "[": "]",
    "{": "}",
    "“": "”",
    "«": "»",
    "„": "“",
    "（": "）",
    "「": "」",
    "『": "』",
    "【": "】",
    "《": "》",
}
_SAME_MARKS = ("**", "__", "~~", "`", '"', "*")
_FACE = regex.compile(r"(?<!\w)[:;=8]['-]?[()\[\]DPp](?!\w)")


def without_sentence(text: str, unit: Unit) -> str | None:
    """Return the text without the sentence; None where that leaves no text, or one that is broken.

    A sentence that is a whole list item, table row or line of code goes with its line. The numbers of the items behind
    it move up. Of two gaps that meet the larger one stays.
    """
    sentence = unit.of(text)
    line_start = text.rfind("\n", 0, unit.start) + 1
    line_end = text.find("\n", unit.start)
    line = text[line_start : len(text) if line_end < 0 else line_end]
    marker = _MARKER.match(sentence.lstrip()) if not text[line_start : unit.start].strip() else None
    whole_line = "\n" in sentence[len(sentence.rstrip()) :] or unit.end == len(text)
    if in_code(text, unit.start):
        if _FENCE.match(line) or _is_last_of_code(text, unit):
            return None
    elif line.lstrip().startswith("|"):
        if not _is_spare_row(text, line_start, line):
            return None
    elif marker is not None and not whole_line:  # the item's other sentences keep its mark
        start = unit.start + len(sentence) - len(sentence.lstrip()) + marker.end()
        return _without_span(text, start, unit.end)
    elif not is_balanced(sentence.strip()[marker.end() if marker else 0 :]):
        return None
    if marker is not None and _has_subordinate_lines(text, unit, line):
        return None
    shorter = _joined(text, unit.start, unit.end)
    if not _stands(text, shorter, unit, marker is not None or line.lstrip().startswith("|")):
        return None
    return _renumbered(text, shorter, unit)


def in_code(text: str, at: int) -> bool:
    """Return True where the line at this offset belongs to a fenced block of code, its fences included."""
    return any(start <= at < end for start, end in _code_blocks(text))


def is_balanced(text: str) -> bool:
    """Return True where brackets, quotation marks and marks of emphasis are all opened and closed within the text."""
    text = _FACE.sub("", text)
    closers = {closer: opener for opener, closer in _PAIRS.items() if closer not in _PAIRS}
    opened: list[str] = []
    for character in text:
        if character in "“" and opened and opened[-1] == "„":
            opened.pop()
        elif character in _PAIRS:
            opened.append(character)
        elif character in closers and (not opened or _PAIRS[opened.pop()] != character):
            return False
    if opened:
        return False
    for mark in _SAME_MARKS:
        if text.count(mark) % 2:
            return False
        text = text.replace(mark, "") if len(mark) == 2 else text
    return True


def with_capital(text: str) -> str:
    """Return the text with a capital where its first letter is a small one."""
    at = next((i for i, character in enumerate(text) if character.isalpha()), None)
    if at is None or _WORD.search(text, 0, at):
        return text
    return text[:at] + text[at].upper() + text[at + 1 :]


def _without_span(text: str, start: int, end: int) -> str | None:
    """Return the text without a span that other sentences of the same line follow."""
    if not is_balanced(text[start:end].strip()) or not _WORD.search(text, end):
        return None
    return text[:start] + text[end:]


def _code_blocks(text: str) -> Iterator[tuple[int, int]]:
    fence, opened, offset = "", 0, 0
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if not fence and mark:
            fence, opened = mark[1], offset
        elif fence and mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
            yield opened, offset + len(line)
            fence = ""
        offset += len(line)
    if fence:
        yield opened, offset


def _is_last_of_code(text: str, unit: Unit) -> bool:
    """Return True where nothing but fences would be left of the block of code."""
    block = next((start, end) for start, end in _code_blocks(text) if start <= unit.start < end)
    lines = (text[block[0] : unit.start] + text[unit.end : block[1]]).splitlines()
    return not any(line.strip() and not _FENCE.match(line) for line in lines)


def _is_spare_row(text: str, line_start: int, line: str) -> bool:
    """Return True for a row of a table's body that is not its only one."""
    before, after = text[:line_start].splitlines(), text[line_start + len(line) :].strip("\n").splitlines()
    below = after[0] if after else ""
    if (
        _TABLE_RULE.fullmatch(line)
        or _TABLE_RULE.fullmatch(below)
        or not before
        or not before[-1].lstrip().startswith("|")
    ):
        return False
    return not _TABLE_RULE.fullmatch(before[-1]) or below.lstrip().startswith("|")


def _has_subordinate_lines(text: str, unit: Unit, line: str) -> bool:
    """Return True where the next line is indented deeper than this item."""
    following = text[unit.end :].splitlines()
    last_line = text[: unit.end].rpartition("\n")[2]  # the next line's indentation belongs to this sentence
    indent = len(line) - len(line.lstrip())
    return bool(following) and last_line.isspace() and len(last_line) > indent


def _joined(text: str, start: int, end: int) -> str:
    """Return the text without a span, with one gap in its place."""
    before, after = text[:start].rstrip(), text[end:]
    gap_before = text[len(before) : start]
    body_end = start + len(text[start:end].rstrip())
    gap_after = text[body_end:end]
    if not before:
        return text[: len(text) - len(text.lstrip())] + after
    if not after:
        return before + gap_after
    if "\n" in gap_after:
        ends = max((gap_before, gap_after), key=lambda gap: gap.count("\n"))
        return before + ends[: ends.rindex("\n") + 1] + gap_after[gap_after.rindex("\n") + 1 :] + after
    return before + (gap_before or gap_after) + after


def _stands(text: str, shorter: str, unit: Unit, is_item: bool) -> bool:
    """Return True where the shorter text says something, and no colon leads to nothing."""
    outside = shorter
    for start, end in reversed(list(_code_blocks(shorter))):
        outside = outside[:start] + outside[end:]
    lines = [line for line in outside.splitlines() if _WORD.search(_MARKER.sub("", line.lstrip(), 1))]
    if not any(not _HEADING.match(line) for line in lines) and not (in_code(text, unit.start) or in_code(shorter, 0)):
        return False
    if not _LEAD_IN.search(text[: unit.start]):
        return True
    following = text[unit.end :].lstrip()
    return bool(following) and (not is_item or bool(_MARKER.match(following)) or following.startswith("|"))


def _renumbered(text: str, shorter: str, unit: Unit) -> str | None:
    """Return the shorter text with the numbers moved up of the items behind one that is gone.

    None where the text mentions items by their number.
    """
    line_start = text.rfind("\n", 0, unit.start) + 1
    item = _NUMBERED.match(text, line_start)
    if item is None or item.end() > unit.start + len(item[0]) or text[line_start : unit.start].strip():
        return shorter
    before = shorter[: len(text[: unit.start].rstrip())]
    lines, number = shorter[len(before) :].splitlines(keepends=True), int(item[2])
    moved = False
    for i, line in enumerate(lines):
        match = _NUMBERED.match(line)
        if match is None or match[1] != item[1] or match[3] != item[3]:
            continue
        if int(match[2]) != number + 1:
            break
        lines[i] = f"{match[1]}{number}{line[match.end(2) :]}"
        number, moved = number + 1, True
    if moved and _MENTIONS_NUMBER.search(shorter):
        return None
    return before + "".join(lines)
