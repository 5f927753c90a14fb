"""Which units of a judged turn are named: 0.5 without any effect, log-odds 2 is 0.88 without the unit."""

import pytest

from convexplain.explain.strongest_units import (
    earlier_turn_effects,
    no_reply_effects,
    reply_effects,
    reply_is_measured,
)
from convexplain.types import Attribution, Unit


def attribution(level, units, scores):
    return Attribution(
        "c", 1, "harm", "rescore", "clime", level, "log_odds", units, scores, -1, 0.0, 0.0, 0.5, 0.1, (), None,
        "remove", 4, 0, 1.0, "m", None,
    )  # fmt: skip


TURNS = attribution("turn", (Unit(0, 0, 20, "turn"),), (-2.0,))
SENTENCES = attribution("sentence", (Unit(1, 0, 10, "sentence"), Unit(1, 10, 30, "sentence")), (2.0, -2.0))


def phrases(*scores):
    return attribution("phrase", (Unit(1, 10, 20, "phrase"), Unit(1, 20, 30, "phrase")), scores)


@pytest.mark.parametrize(
    ("scores", "spans"),
    [
        ((-1.5, -0.1), [(10, 20)]),  # three quarters of the sentence's effect: the phrase stands for it
        ((-0.9, -0.9), [(10, 30)]),  # less than half each: the sentence itself; none beside what it holds
        ((-0.1, 0.1), [(10, 30)]),  # noise
    ],
)
def test_a_part_stands_for_its_sentence_if_it_has_most_of_its_effect(scores, spans):
    effects = reply_effects([TURNS, SENTENCES, phrases(*scores)], 1)
    assert [(effect.unit.start, effect.unit.end) for effect in effects] == spans


def test_earlier_turns_are_apart_from_the_reply():
    (effect,) = earlier_turn_effects([TURNS, SENTENCES], 1)
    assert (effect.unit.turn, effect.effect) == (0, -2.0)
    assert effect.without == pytest.approx(0.88, abs=0.01)


def test_a_reply_without_effects_is_measured_or_not():
    silent = [attribution("sentence", SENTENCES.units, (0.1, -0.1))]
    assert reply_effects(silent, 1) == []
    assert reply_is_measured(silent, 1)
    assert not reply_is_measured([TURNS], 1)
    assert no_reply_effects(silent) == "No part of the reply changes the score by more than the judge's noise (0.10)."
