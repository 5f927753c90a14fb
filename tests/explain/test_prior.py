from dataclasses import replace

import pytest

from convexplain.explain.prior import prior_from
from convexplain.types import Unit

from .test_attribution import empty

WORDS = [Unit(1, start, start + 4, "word") for start in (0, 5, 10, 15)] + [Unit(3, 0, 4, "word")]


def test_words_have_their_share_of_the_finest_unit_that_they_lie_in():
    """Turn 1 lowers by 4, its second half by 3; turn 3 raises. Of ten characters each word has four."""
    turns = replace(empty(), units=(Unit(1, 0, 20, "turn"), Unit(3, 0, 4, "turn")), scores=(-4.0, 1.0), side=-1)
    parts = replace(turns, level="sentence", units=(Unit(1, 10, 20, "sentence"),), scores=(-3.0,))
    # Words 0 and 1 lie in turn 1 alone, which has 4 for ten characters; 2 and 3 have 3 for ten; turn 3 says nothing.
    worth = [1.6, 1.6, 1.2, 1.2, 0.0]
    rest = 0.05 * sum(worth) / 5
    assert prior_from([turns, parts], WORDS, upward=True) == pytest.approx([weight + rest for weight in worth])


@pytest.mark.parametrize("scores", [(0.0, 0.0), (None, None), (2.0, 1.0)])
def test_where_nothing_speaks_for_the_side_all_are_alike(scores):
    turns = replace(empty(), units=(Unit(1, 0, 20, "turn"), Unit(3, 0, 4, "turn")), scores=scores, side=-1)
    assert prior_from([turns], WORDS, upward=True) == [1.0] * 5


def test_where_the_score_is_to_fall_what_raises_it_counts():
    turns = replace(empty(), units=(Unit(1, 0, 20, "turn"), Unit(3, 0, 4, "turn")), scores=(-4.0, 1.0), side=-1)
    *rest, last = prior_from([turns], WORDS, upward=False)
    assert last > 20 * max(rest)


def test_a_sentence_has_what_its_phrases_have():
    """The second phrase of the first sentence lowers by 0.9, as the sentence does; the second sentence by 0.1."""
    sentences = replace(
        empty(), level="sentence", units=(Unit(1, 0, 40, "sentence"), Unit(1, 40, 60, "sentence")), scores=(-0.9, -0.1),
        side=-1,
    )  # fmt: skip
    phrases = replace(
        sentences, level="phrase", units=(Unit(1, 0, 20, "phrase"), Unit(1, 20, 40, "phrase")), scores=(0.05, -0.9)
    )
    passages = [Unit(1, 0, 60, "turn"), Unit(1, 0, 39, "sentence"), Unit(1, 40, 60, "sentence")]
    turn, guilty, harmless = prior_from([sentences, phrases], passages, upward=True)
    rest = 0.05 * (1.0 + 0.855 + 0.1) / 3
    assert (turn, guilty, harmless) == (
        pytest.approx(1.0 + rest), pytest.approx(0.9 * 19 / 20 + rest), pytest.approx(0.1 + rest)
    )  # fmt: skip
