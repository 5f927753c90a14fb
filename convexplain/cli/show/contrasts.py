"""Contrasts, as the command line shows them: edits as a word diff. Text from logs is text only."""

from collections.abc import Iterable, Iterator, Sequence

from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.text import Text

from convexplain.explain.wording import contrast_outcome, search_notes, trade_off_scores, trade_offs_heading
from convexplain.store import ScoredTurn
from convexplain.text.visible import one_line
from convexplain.types import Contrast

_AROUND = 12  # unchanged words that are shown on each side of a change
_LONGEST = 80  # words of a response that are shown


def show_contrast(console: Console, turn: ScoredTurn, contrast: Contrast, trust: str) -> None:
    """Show one contrast: a line with its outcome and its proof, then the turns that it changes.

    Of a search that found nothing there is only the line: the text that it tried last is not worth reading. The edits
    that trade one maxim for another come last.
    """
    where = f"{turn.conversation.id}:{turn.turn}  {contrast.rubric} ({trust}), {contrast.question}: "
    outcome = contrast_outcome(contrast, turn.rubric.threshold)
    _print(console, Text(one_line(where) + " ", style="bold"), Text(one_line(outcome)))
    if contrast.found:
        _show_edit(console, turn, contrast)
    if contrast.pareto:
        _show_trade_offs(console, turn, contrast)


def _show_edit(console: Console, turn: ScoredTurn, contrast: Contrast) -> None:
    for changed in sorted({edit.unit.turn for edit in contrast.edits}):
        before = turn.conversation.turns[changed]
        show_diff(console, f"turn {changed}, {before.role}", before.content, contrast.turns[changed].content)
    if contrast.question == "regenerate":
        show_response(console, "response before", contrast.response_before)
        show_response(console, "response after", contrast.response_after)
    for note in search_notes(contrast):
        _print(console, Text(f"  note: {one_line(note)}"))


def _show_trade_offs(console: Console, turn: ScoredTurn, contrast: Contrast) -> None:
    _print(console, Text(f"  {trade_offs_heading(contrast)}"))
    for number, point in enumerate(contrast.pareto, 1):
        _print(console, Text(f"  {number}. {one_line(trade_off_scores(contrast, point))}"))
        for changed, text in point.texts:
            before = turn.conversation.turns[changed]
            show_diff(console, f"   turn {changed}, {before.role}", before.content, text)
        if contrast.question == "regenerate":
            show_response(console, "   response", point.response)


def show_diff(console: Console, what: str, before: str, after: str) -> None:
    """A changed text as one line: words removed and added, and some words around them."""
    coloured = console.is_terminal and not console.no_color
    _print(console, Text(f"  {what}: "), _diff(before, after, coloured))


def show_response(console: Console, what: str, response: str) -> None:
    """A response, cut where it is long."""
    _print(console, Text(f"  {what}: "), Text(_cut(response.split())))


def _diff(before: str, after: str, coloured: bool) -> Text:
    pieces: list[tuple[str, str]] = []
    parts = list(_changes(before.split(), after.split()))
    for i, (same, removed, added) in enumerate(parts):
        pieces.append((_around(same, first=i == 0, last=i == len(parts) - 1), ""))
        removing = (_cut(removed), "red strike") if coloured else (f"[-{_cut(removed)}-]", "")
        adding = (_cut(added), "green") if coloured else (f"{{+{_cut(added)}+}}", "")
        pieces += [removing] if removed else []
        pieces += [adding] if added else []
    line = Text()
    # Words that take another's place stand next to it; all else is apart.
    for i, (text, style) in enumerate((text, style) for text, style in pieces if text):
        glued = not coloured and text.startswith("{+") and line.plain.endswith("-]")
        line.append("" if i == 0 or glued else " ")
        line.append(text, style)
    return line


def _changes(before: list[str], after: list[str]) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Runs of (unchanged words, removed, added), the last with unchanged words only, perhaps none."""
    same: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    for step in Levenshtein.opcodes(before, after):
        old, new = before[step.src_start : step.src_end], after[step.dest_start : step.dest_end]
        if step.tag == "equal":
            if removed or added:
                yield same, removed, added
                removed, added = [], []
            same = old
        else:
            removed, added = removed + old, added + new
    if removed or added:
        yield same, removed, added
        same = []
    yield same, [], []


def _around(same: Sequence[str], first: bool, last: bool) -> str:
    """Unchanged words; of many, those next to a change."""
    head, tail = (0 if first else _AROUND), (0 if last else _AROUND)
    if len(same) <= head + tail + 1:
        return _words(same)
    return " ".join(part for part in (_words(same[:head]), "…", _words(same[len(same) - tail :])) if part)


def _cut(words: Sequence[str]) -> str:
    return _words(words) if len(words) <= _LONGEST else f"{_words(words[:_LONGEST])} …"


def _words(words: Iterable[str]) -> str:
    return one_line(" ".join(words))


def _print(console: Console, *parts: Text) -> None:
    console.print(Text.assemble(*parts), soft_wrap=True)
