"""Pairs in words. The values are scores: what the fit loses without a unit comes off the full one."""

from dataclasses import replace

import pytest

from convexplain.explain.interactions import pair_effects, pair_sentence, pair_sentences
from convexplain.search import surrogate
from convexplain.types import Attribution, Conversation, Interaction, Turn, Unit, log_odds

CHAT = Conversation(
    "c",
    (
        Turn("user", "Where is my parcel?"),
        Turn("assistant", "It left on Monday.\nOr so."),
        Turn("user", "And the address? " * 9),
        Turn("assistant", "No idea."),
    ),
)
UNITS = tuple(Unit(turn, 0, len(CHAT.turns[turn].content), "turn") for turn in range(3))


def pair_of(scores, index, full, units=(0, 2)):
    """A pair alone: its scores are means over texts with and without the other, and between these lies the index."""
    without = [full - score - index / 2 for score in scores]
    return Interaction(units, index, (full, *without, full - sum(scores)))


def attribution(scores, index, full=0.2, noise=0.1, **fields):
    return Attribution(
        "c", 3, "harm", "rescore", "surrogate", "turn", "score", UNITS, (scores[0], 0.0, scores[1]), -1, full, 0.5,
        full, noise, (), None, "remove", 9, 0, 1.0, "m", None,
        interactions=() if None in scores else (pair_of(scores, index, full),), **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "index", "full", "kind", "raises", "without"),
    [
        # 0.7 is lost for the bad side only while both are there: each gets half of it, and without either it is 0.9.
        ((-0.35, -0.35), -0.7, 0.2, "only together", False, (0.9, 0.9, 0.9)),
        # One of them is enough: without one nothing changes.
        ((-0.35, -0.35), 0.7, 0.2, "either", False, (0.2, 0.2, 0.9)),
        ((0.3, 0.3), 0.6, 0.9, "only together", True, (0.3, 0.3, 0.3)),
        # -0.4 and -0.2 in the mean over texts with and without the other: -0.5 and -0.3 with it, -0.3 and -0.1 without.
        ((-0.4, -0.2), -0.2, 0.2, "more together", False, (0.7, 0.5, 0.8)),
        ((-0.4, -0.2), 0.2, 0.2, "less together", False, (0.5, 0.3, 0.8)),
        # One raises it, and the other lowers it only while the first is gone.
        ((0.3, -0.1), 0.2, 0.8, "conditional", True, (0.4, 0.8, 0.6)),
    ],
)
def test_kinds_of_pairs_by_hand(scores, index, full, kind, raises, without):
    (effect,) = pair_effects(attribution(scores, index, full))
    assert (effect.kind, effect.raises, effect.units) == (kind, raises, (UNITS[0], UNITS[2]))
    assert (effect.without_first, effect.without_second, effect.without_both) == pytest.approx(without)


def test_log_odds_are_told_as_scores():
    """2 is lost with both: from log-odds -2 (0.12) to 0 (0.5)."""
    pair = replace(attribution((-1.0, -1.0), -2.0, log_odds(0.12)), scalarizer="log_odds", score=0.12)
    (effect,) = pair_effects(pair)
    assert (effect.kind, round(effect.without_both, 2)) == ("only together", 0.5)


@pytest.mark.parametrize(("noise", "pairs"), [(0.1, 0), (0.04, 0), (0.03, 1), (None, 1)])
def test_a_pair_within_the_noise_is_not_named(noise, pairs):
    """Together 0.05 less than what each does alone; the noise of a difference of differences is 1.41 times as large."""
    assert len(pair_effects(attribution((0.2, 0.2), 0.05, 0.8, noise))) == pairs


def test_a_pair_without_scores_is_not_named():
    unscored = replace(attribution((0.2, 0.2), 0.5), scores=(None, 0.0, 0.2))
    assert pair_effects(unscored) == []
    assert pair_effects(replace(attribution((0.2, 0.2), 0.5), full=None)) == []


@pytest.mark.parametrize(
    ("scores", "index", "words"),
    [
        ((-0.35, -0.35), -0.7, "lower the score only together: 0.90 without the first, 0.90 without the second, 0.90"),
        ((-0.35, -0.35), 0.7, "lower the score as much alone as together (either is enough): 0.20 without the first, "),
        ((-0.4, -0.2), -0.2, "lower the score, together by more than the sum of the two: 0.70 without the first"),
        ((-0.4, -0.2), 0.2, "lower the score, together by less than the sum of the two: 0.50 without the first"),
        ((0.3, -0.1), 0.2, "change each other's effect on the score: "),
    ],
)
def test_sentences_quote_both_units(scores, index, words):
    (sentence,) = pair_sentences(CHAT, [attribution(scores, index, 0.8 if scores[0] > 0 else 0.2)])
    long = ("And the address? " * 9)[:69] + "…"
    assert sentence.startswith(f'Turn 0, "Where is my parcel?", and turn 2, "{long}", {words}')
    assert sentence.endswith(" without both.")


def test_a_text_in_several_lines_is_quoted_in_one():
    pair = replace(
        attribution((0.3, 0.3), 0.6, 0.9), interactions=(pair_of((0.3, 0.3), 0.6, 0.9, (0, 1)),), scores=(0.3, 0.3, 0.0)
    )
    (effect,) = pair_effects(pair)
    assert 'turn 1, "It left on Monday. Or so.", raise the value only together' in pair_sentence(
        CHAT, effect, "the value"
    )


def test_a_pair_of_an_old_row_without_fitted_values_is_not_named():
    assert pair_effects(replace(attribution((0.3, 0.3), 0.6, 0.9), interactions=(Interaction((0, 2), 0.6),))) == []


# ---- games of three units: each value of the removed sets is known, so the numbers are too

EITHER, MORE = (
    "raise the score as much alone as together (either is enough)",
    "together by more than the sum of the two",
)
TOGETHER = "raise the score only together"


@pytest.mark.parametrize(
    ("value", "sentences"),
    [
        # All three are needed: without any of them it is 0.1.
        (lambda gone: 0.1 if gone else 0.9, [((0, 1), TOGETHER, 0.1, 0.1, 0.1), ((0, 2), TOGETHER, 0.1, 0.1, 0.1),
                                             ((1, 2), TOGETHER, 0.1, 0.1, 0.1)]),
        # Any of three is enough: without two of them nothing has moved.
        (lambda gone: 0.1 if len(gone) == 3 else 0.9, []),
        # 0.4 with A and B, 0.4 with A and C: A alone does what is left, 0.4, without B; B and C do nothing without A.
        (lambda gone: 0.1 + 0.4 * (not {0, 1} & gone) + 0.4 * (not {0, 2} & gone),
         [((0, 1), f"raise the score, {MORE}", 0.1, 0.5, 0.1), ((0, 2), f"raise the score, {MORE}", 0.1, 0.5, 0.1)]),
        (lambda gone: 0.1 if {0, 1} <= gone else 0.9, [((0, 1), EITHER, 0.9, 0.9, 0.1)]),
        # 0.9 with both or none of the two, else 0.1.
        (lambda gone: 0.9 if (0 in gone) == (1 in gone) else 0.1,
         [((0, 1), "change each other's effect on the score", 0.1, 0.1, 0.9)]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("noise", [0.1, None])
def test_sentences_of_a_fitted_game_say_its_values(value, sentences, noise):
    result = surrogate(3, value=lambda sets: [value(removed) for removed in sets])
    level = replace(
        attribution((0.0, 0.0), 0.0, 0.9, noise), scores=result.scores, interactions=result.interactions, side=1
    )
    expected = [
        f"{phrase}: {first:.2f} without the first, {second:.2f} without the second, {both:.2f} without both."
        for _, phrase, first, second, both in sentences
    ]
    assert [effect.units for effect in pair_effects(level)] == [(UNITS[i], UNITS[j]) for (i, j), *_ in sentences]
    printed = pair_sentences(CHAT, [level])
    assert [text.endswith(words) for text, words in zip(printed, expected, strict=True)] == [True] * len(expected)


def test_what_a_fit_misses_of_the_whole_text_is_no_effect():
    """Measured 0.9 and fitted 0.7: either is enough, and the fit loses 0.6 without both."""
    pair = Interaction((0, 2), -0.6, (0.7, 0.7, 0.7, 0.1))
    (effect,) = pair_effects(replace(attribution((0.3, 0.3), -0.6, 0.9), interactions=(pair,)))
    assert effect.kind == "either"
    assert (effect.without_first, effect.without_second, effect.without_both) == pytest.approx((0.9, 0.9, 0.3))
