"""A conversation as a chat: scores beside judged turns, earlier turns shaded by their effect on the selected one."""

from collections.abc import Callable, Sequence

import streamlit as st

from convexplain.dashboard.services.conversation import ConversationView
from convexplain.report.shades import Piece, Shade, pieces, turn_shades
from convexplain.types import Attribution, Turn

from .safe_text import escaped

_LONGEST = 3000  # characters of a turn that are shown at first
_WEAKEST, _STRONGEST = 0.10, 0.55  # opacity of the shading


def show_conversation(
    view: ConversationView,
    span: tuple[int, int],
    selected: int,
    attributions: Sequence[Attribution],
    select: Callable[[int], None],
) -> None:
    """Show a span of turns.

    Args:
        view: the conversation.
        span: first index and end index (not included).
        selected: index of the selected turn.
        attributions: attributions of the selected turn, which shade the text.
        select: called with the index of a clicked turn.
    """
    shades = turn_shades(attributions)
    with st.container(gap="xsmall"):
        for i in range(*span):
            _show(view, i, selected, attributions, shades.get(i), select)


def _show(
    view: ConversationView,
    i: int,
    selected: int,
    attributions: Sequence[Attribution],
    shade: Shade | None,
    select: Callable[[int], None],
) -> None:
    judged = any((i, rubric.id) in view.judgements for rubric in view.rubrics)
    body = _turn(view, i, selected, attributions, shade)
    if not judged or i == selected:
        st.html(body)
    else:
        with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
            st.html(body)
            st.button(
                "Why?",
                key=f"look-{i}",
                type="tertiary",
                on_click=select,
                args=(i,),
                help=f"Explain the score of turn {i}",
            )
    _more_button(view, i)


def shading(shade: Shade | None) -> str:
    """Return the HTML attributes of a shaded element; empty where its effect is within the noise."""
    if shade is None or not shade.strength:
        return ""
    strength = _WEAKEST + (_STRONGEST - _WEAKEST) * shade.strength
    return f' class="cx-{"up" if shade.sign == "+" else "down"}" style="--a:{strength:.2f}"'


def legend() -> str:
    """Return the legend of the shading, as HTML."""
    samples = "".join(
        f'<span class="cx-{name}" style="--a:{strength}">&nbsp;{text}&nbsp;</span>'
        for name, strength, text in (
            ("down", 0.5, "− lowers"),
            ("down", 0.15, "a little"),
            ("up", 0.15, "a little"),
            ("up", 0.5, "+ raises"),
        )
    )
    return (
        f'<div class="cx cx-soft">{samples} the score. Dashed lines lower it, solid lines raise it; '
        "effects below the judge’s noise are not marked.</div>"
    )


def _turn(
    view: ConversationView, i: int, selected: int, attributions: Sequence[Attribution], shade: Shade | None
) -> str:
    turn = view.conversation.turns[i]
    name = f" ({escaped(turn.name, 60)})" if turn.name else ""
    time = f" · {turn.at:%Y-%m-%d %H:%M}" if turn.at else ""
    mark = " · <b>selected</b>" if i == selected else ""
    effect = f" · {_effect(shade)}" if shade is not None and i < selected else ""
    parts = pieces(view.conversation, i, attributions) if i <= selected else [Piece(turn.content, None)]
    text = _inner(parts, _limit(view, i))
    parts_shaded = any(piece.shade for piece in parts)  # finer than the shade of the full turn
    if not turn.content.strip():
        text = '<span class="cx-soft">(empty)</span>'
    return (
        f'<div class="cx cx-turn {turn.role}{" chosen" if i == selected else ""}">'
        f'<div><span class="who">{i} · {turn.role}{name}{time}{mark}{effect}</span>{_chips(view, i)}</div>'
        f"{_reasoning(turn)}"
        f'<div class="cx-text"><span{"" if parts_shaded or i >= selected else shading(shade)}>{text}</span></div></div>'
    )


def _reasoning(turn: Turn) -> str:
    """Return a model's reasoning before a turn, folded; empty for none."""
    if not turn.reasoning.strip():
        return ""
    text = escaped(turn.reasoning, _LONGEST)
    return f'<details class="cx-soft"><summary>Reasoning (no part of the answer)</summary>{text}</details>'


def _effect(shade: Shade) -> str:
    if shade.noisy or not shade.sign:
        return "no effect beyond noise"
    verb = "raises" if shade.sign == "+" else "lowers"
    without = f": {shade.without:.2f} without it" if shade.without is not None else ""
    return f"<b>{'+' if shade.sign == '+' else '−'}</b> {verb} the score{without}"


def _chips(view: ConversationView, i: int) -> str:
    chips = []
    for rubric in view.rubrics:
        judgement = view.judgements.get((i, rubric.id))
        if judgement is None:
            continue
        mark = view.marks[rubric.id]
        tone = mark.tone(judgement.score, rubric.threshold)
        score = "unscored" if judgement.score is None else f"{judgement.score:.2f}{' ▼' if tone == 'low' else ''}"
        text = f"{escaped(rubric.title, 40)} {score} · {mark.word}"
        chips.append(f'<span class="cx-chip {tone}" title="{escaped(mark.sentence)}">{text}</span>')
    return "".join(chips)


def _inner(text_pieces: Sequence[Piece], room: int) -> str:
    parts = []
    for piece in text_pieces:
        if room <= 0:
            break
        text = escaped(piece.text[:room], room)
        room -= len(piece.text)
        attributes = shading(piece.shade)
        parts.append(f"<span{attributes}>{text}</span>" if attributes else text)
    return "".join(parts) + (" …" if room < 0 else "")


def _limit(view: ConversationView, i: int) -> int:
    return int(st.session_state.get(f"room-{view.number}-{i}", _LONGEST))


def _more_button(view: ConversationView, i: int) -> None:
    hidden = len(view.conversation.turns[i].content) - _limit(view, i)
    if hidden > 0:
        key = f"room-{view.number}-{i}"

        def more() -> None:
            st.session_state[key] = _limit(view, i) + 20 * _LONGEST

        st.button(
            f"Show more of turn {i} ({hidden:,} more characters)", key=f"more-{i}", type="tertiary", on_click=more
        )
