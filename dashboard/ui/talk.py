"""A conversation as a chat: scores beside the judged turns, earlier turns shaded by what they do to one of them."""

from collections.abc import Callable, Sequence

import streamlit as st

from convexplain.dashboard.services.conversation import Talk
from convexplain.report.shades import Piece, Shade, pieces, turn_shades
from convexplain.types import Attribution

from .plain import escaped

_LONGEST = 3000  # characters of a turn that are shown unless more is asked for
_WEAKEST, _STRONGEST = 0.10, 0.55  # of the shading


def show_talk(
    talk: Talk, span: tuple[int, int], chosen: int, found: Sequence[Attribution], select: Callable[[int], None]
) -> None:
    """The turns of a span; `found` are the attributions of the chosen turn, `select` is told of a click on another."""
    shades = turn_shades(found)
    with st.container(gap="xsmall"):
        for i in range(*span):
            _show(talk, i, chosen, found, shades.get(i), select)


def _show(
    talk: Talk, i: int, chosen: int, found: Sequence[Attribution], shade: Shade | None, select: Callable[[int], None]
) -> None:
    judged = any((i, rubric.id) in talk.judgements for rubric in talk.rubrics)
    body = _turn(talk, i, chosen, found, shade)
    if not judged or i == chosen:
        st.html(body)
    else:
        with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
            st.html(body)
            st.button("Why?", key=f"look-{i}", type="tertiary", on_click=select, args=(i,), help=f"Look at turn {i}")
    _offer_rest(talk, i)


def shading(shade: Shade | None) -> str:
    """The attributes of an element that is shaded; nothing where it does nothing to speak of."""
    if shade is None or not shade.strength:
        return ""
    strength = _WEAKEST + (_STRONGEST - _WEAKEST) * shade.strength
    return f' class="cx-{"up" if shade.sign == "+" else "down"}" style="--a:{strength:.2f}"'


def legend() -> str:
    """What the shading means."""
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
        "what does less than the judge’s noise is not marked.</div>"
    )


def _turn(talk: Talk, i: int, chosen: int, found: Sequence[Attribution], shade: Shade | None) -> str:
    turn = talk.conversation.turns[i]
    name = f" ({escaped(turn.name, 60)})" if turn.name else ""
    at = f" · {turn.at:%Y-%m-%d %H:%M}" if turn.at else ""
    mark = " · <b>looked at</b>" if i == chosen else ""
    does = f" · {_does(shade)}" if shade is not None and i < chosen else ""
    inner = pieces(talk.conversation, i, found) if i <= chosen else [Piece(turn.content, None)]
    text = _inner(inner, _limit(talk, i))
    parted = any(piece.shade for piece in inner)  # its parts say more than the turn as a whole
    if not turn.content.strip():
        text = '<span class="cx-soft">(empty)</span>'
    return (
        f'<div class="cx cx-turn {turn.role}{" chosen" if i == chosen else ""}">'
        f'<div><span class="who">{i} · {turn.role}{name}{at}{mark}{does}</span>{_chips(talk, i)}</div>'
        f'<div class="cx-text"><span{"" if parted or i >= chosen else shading(shade)}>{text}</span></div></div>'
    )


def _does(shade: Shade) -> str:
    if shade.noisy or not shade.sign:
        return "no effect beyond noise"
    way = "raises" if shade.sign == "+" else "lowers"
    without = f": {shade.without:.2f} without it" if shade.without is not None else ""
    return f"<b>{'+' if shade.sign == '+' else '−'}</b> {way} the score{without}"


def _chips(talk: Talk, i: int) -> str:
    chips = []
    for rubric in talk.rubrics:
        judged = talk.judgements.get((i, rubric.id))
        if judged is None:
            continue
        low = judged.score is not None and judged.score < rubric.threshold
        score = "unscored" if judged.score is None else f"{judged.score:.2f}{' ▼' if low else ''}"
        chips.append(f'<span class="cx-chip{" low" if low else ""}">{escaped(rubric.title, 40)} {score}</span>')
    return "".join(chips)


def _inner(found: Sequence[Piece], room: int) -> str:
    parts = []
    for piece in found:
        if room <= 0:
            break
        text = escaped(piece.text[:room], room)
        room -= len(piece.text)
        attributes = shading(piece.shade)
        parts.append(f"<span{attributes}>{text}</span>" if attributes else text)
    return "".join(parts) + (" …" if room < 0 else "")


def _limit(talk: Talk, i: int) -> int:
    return int(st.session_state.get(f"room-{talk.number}-{i}", _LONGEST))


def _offer_rest(talk: Talk, i: int) -> None:
    left = len(talk.conversation.turns[i].content) - _limit(talk, i)
    if left > 0:
        key = f"room-{talk.number}-{i}"

        def more() -> None:
            st.session_state[key] = _limit(talk, i) + 20 * _LONGEST

        st.button(f"Show more of turn {i} ({left:,} characters left)", key=f"more-{i}", type="tertiary", on_click=more)
