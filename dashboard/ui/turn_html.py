"""The HTML of one turn of a chat: who says it, its scores with their trust, and its parts."""

import json
from collections.abc import Sequence

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.explain.wording import counted
from convexplain.parts import Text, ToolCall, ToolResult, short_form
from convexplain.report.shades import Shade, pieces
from convexplain.types import Attribution, Turn

from .markdown_html import markdown_html
from .safe_text import escaped
from .shading import ShadedText, shading

LONGEST = 3000  # characters of a turn that are sent to the browser at first
_TALL = 1200  # characters of a turn from which on the browser shows its beginning
_LONG_SYSTEM = 200  # characters of a system's turn that are not folded


def turn_head(view: ConversationView, i: int, selected: int, shade: Shade | None) -> str:
    """Return the line above a turn: its index and speaker, its effect on the selected turn, and its scores."""
    turn = view.conversation.turns[i]
    name = f" ({escaped(turn.name, 60)})" if turn.name else ""
    time = f" · {turn.at:%Y-%m-%d %H:%M}" if turn.at else ""
    mark = " · <b>selected</b>" if i == selected else ""
    effect = f" · {_effect(shade)}" if shade is not None else ""
    who = f'<span class="who">{i} · {turn.role}{name}{time}{mark}{effect}</span>'
    return f'<div class="cx cx-head" id="turn-{i}">{who}{score_chips(view, i)}</div>'


def turn_body(
    view: ConversationView,
    i: int,
    selected: int,
    attributions: Sequence[Attribution] = (),
    shade: Shade | None = None,
    room: int = LONGEST,
) -> str:
    """Return the text of a turn: Markdown, with reasoning, calls and results of tools folded.

    Args:
        view: the conversation.
        i: the turn's index.
        selected: index of the selected turn.
        attributions: those of the selected turn, which shade its words and those of earlier turns; of a judged
            conversation those of all turns.
        shade: that of the turn as one unit.
        room: characters of the text that are shown at most.
    """
    turn = view.conversation.turns[i]
    shaded = ShadedText(pieces(view.conversation, i, attributions))
    finer = shaded.is_shaded(0, len(turn.content))  # shades inside of the turn take the place of its own
    attributes = "" if finer else shading(shade)
    text = _parts(turn, shaded, room) if turn.content.strip() else '<span class="cx-soft">(empty)</span>'
    body = f'<div class="cx-text cx-md"><div{attributes}>{text}</div></div>'
    if len(turn.content) > _TALL and i != selected and not finer:
        body = f'<details class="cx-fold"><summary>Show all of turn {i}</summary></details>{body}'
    if turn.role == "system" and len(turn.content) > _LONG_SYSTEM and i != selected:
        size = counted(len(turn.content), "character")
        body = _folded(f"System prompt, {size}", body, opened=finer)
    return f'<div class="cx cx-turn {turn.role}{" chosen" if i == selected else ""}">{_reasoning(turn)}{body}</div>'


def score_chips(view: ConversationView, i: int, maxim: str | None = None) -> str:
    """Return the scores of a turn, each with its trust; coloured only where scores may be held against a threshold.

    Args:
        view: the conversation.
        i: the turn's index.
        maxim: the id of the only maxim; None for all.
    """
    chips = []
    for rubric in view.rubrics:
        judgement = view.judgements.get((i, rubric.id))
        if judgement is None or maxim not in (None, rubric.id):
            continue
        mark = view.marks[rubric.id]
        tone = mark.tone(judgement.score, rubric.threshold)
        score = "unscored" if judgement.score is None else f"{judgement.score:.2f}{' ▼' if tone == 'low' else ''}"
        of_all = " (whole conversation)" if rubric.of_conversation else ""
        text = f"{escaped(rubric.title, 40)}{of_all} {score} · {mark.word}"
        chips.append(f'<span class="cx-chip {tone}" title="{escaped(mark.sentence)}">{text}</span>')
        if warnings := judgement.evidence.warnings:
            chips.append(f'<span class="cx-chip" title="{escaped("; ".join(warnings))}">read it yourself</span>')
    return "".join(chips)


def _parts(turn: Turn, shaded: ShadedText, room: int) -> str:
    html, start = [], 0
    for part in turn.parts or (ToolResult(turn.content) if turn.role == "tool" else Text(turn.content),):
        form = short_form(part)
        if form is None or start >= room:
            continue
        end = min(start + len(form), room)
        if isinstance(part, ToolCall):
            html.append(_tool_call(part, shaded, start, end))
        elif isinstance(part, ToolResult):
            html.append(_tool_result(part, turn, shaded, start, end))
        else:
            html.append(markdown_html(shaded, start, end))
        start += len(form) + 1  # the line end between parts
    return "".join(html) + (" …" if room < len(turn.content) else "")


def _tool_call(part: ToolCall, shaded: ShadedText, start: int, end: int) -> str:
    marked = shaded.is_shaded(start, end)
    # Shaded words are shown in the form that was judged.
    text = shaded.html(start, end) if marked else escaped(_indented(part.arguments), LONGEST)
    return _folded(f"Calls the tool {part.name or '(not named)'}", f"<pre><code>{text}</code></pre>", opened=marked)


def _tool_result(part: ToolResult, turn: Turn, shaded: ShadedText, start: int, end: int) -> str:
    name = part.name or turn.name
    title = f"Result of the tool{f' {name}' if name else ''}, {counted(len(part.text), 'character')}"
    text = f"<pre><code>{shaded.html(start, end)}</code></pre>"
    return _folded(title, text, opened=shaded.is_shaded(start, end))


def _indented(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments


def _folded(title: str, html: str, *, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{escaped(title, 120)}</summary>{html}</details>"


def _reasoning(turn: Turn) -> str:
    """Return a model's reasoning before a turn, folded; empty for none."""
    if not turn.reasoning.strip():
        return ""
    text = f'<div class="cx-text">{escaped(turn.reasoning, LONGEST)}</div>'
    return f'<div class="cx-soft">{_folded("Reasoning (no part of the answer)", text)}</div>'


def _effect(shade: Shade) -> str:
    if shade.noisy or not shade.sign:
        return "no effect beyond noise"
    verb = "raises" if shade.sign == "+" else "lowers"
    without = f": {shade.outcome}" if shade.outcome else ""
    return f"<b>{'+' if shade.sign == '+' else '−'}</b> {verb} the score{without}"
