"""What a judged turn's score depends on, as pieces of shaded text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain import Conversation, Turn
from convexplain.report.shades import pieces, turn_shades
from convexplain.types import Attribution, Unit


def attribution(level, spans, scores, noise=None):
    units = tuple(Unit(0, start, end, level) for start, end in spans)
    return Attribution(
        "c", 1, "harm", "rescore", "clime", level, "log_odds", units, scores, -1, 0.0, 0.0, 0.5, noise, (), None,
        "remove", 4, 0, 1.0, "m", None,
    )  # fmt: skip


TALK = Conversation("c", (Turn("user", "One two. Three four."), Turn("assistant", "x")))


def test_the_finest_unit_is_on_top():
    found = [
        attribution("turn", [(0, 20)], (-4.0,)),
        attribution("sentence", [(0, 8), (9, 20)], (1.0, -2.0)),
        attribution("word", [(9, 14), (15, 20)], (None, 0.1)),
    ]
    cut = [(piece.text, piece.shade) for piece in pieces(TALK, 0, found)]
    assert [(text, shade and (shade.level, shade.sign, shade.strength)) for text, shade in cut] == [
        ("One two.", ("sentence", "+", 0.25)),
        (" ", None),
        ("Three ", ("sentence", "-", 0.5)),
        ("four.", ("word", "+", 0.0)),  # 0.1 of 4: too little to be shaded
    ]  # fmt: skip
    whole = turn_shades(found)[0]
    assert (whole.sign, whole.strength) == ("-", 1.0)
    assert whole.without == pytest.approx(0.982, abs=1e-3)  # log-odds 4


def test_noise_is_not_shaded():
    found = [attribution("sentence", [(0, 8), (9, 20)], (0.2, -2.0), noise=0.1)]
    assert [piece.shade.strength for piece in pieces(TALK, 0, found) if piece.shade] == [0.0, 1.0]  # 0.05 and 0.38
    assert turn_shades(found) == {}


def test_parts_within_the_noise_do_not_hide_the_effect_of_their_sentence():
    levels = [
        attribution("sentence", [(0, 8), (9, 20)], (0.0, -2.0), noise=0.1),
        attribution("phrase", [(9, 15), (15, 20)], (-0.1, 0.1), noise=0.1),
    ]
    cut = [(piece.text, piece.shade.strength) for piece in pieces(TALK, 0, levels) if piece.shade]
    assert cut == [("One two.", 0.0), ("Three four.", 1.0)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), max_size=6))
def test_pieces_are_the_text_again(spans):
    found = [attribution("sentence", spans, tuple(range(len(spans))))]
    assert "".join(piece.text for piece in pieces(TALK, 0, found)) == TALK.turns[0].content
