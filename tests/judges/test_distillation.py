"""How far a student follows its teacher, and what both cost."""

import numpy as np
import pytest

from convexplain.judges.distillation import held_out_agreement, judging_cost, share_of_cost, verdict, verdict_of_people
from convexplain.models.chat import Spend

N = 60
RISING = np.arange(N) / N
SHUFFLED = np.random.default_rng(3).permutation(N) / N  # Spearman with RISING: about 0


def agreement(reference=RISING, threshold=0.5, **scores):
    return held_out_agreement(reference, scores, [i // 2 for i in range(len(reference))], threshold)


def test_it_is_measured_before_and_after_on_the_same_turns():
    measured = agreement(after=RISING**2, before=-RISING, length=SHUFFLED)
    assert (measured.turns, measured.dialogues) == (60, 30)
    assert measured.after.spearman.value == pytest.approx(1)
    assert measured.after.auc.value == pytest.approx(1)
    assert measured.before.spearman.value == pytest.approx(-1)
    assert (measured.before.auc.value, measured.before.auc.n) == (0, 60)
    assert measured.gain.value == pytest.approx(2)
    assert measured.good == "reference score at least 0.5 (the threshold)"
    body = measured.to_dict()
    assert body["after"]["spearman"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 60}
    assert set(body) == {"turns", "dialogues", "good", "after", "before", "length", "gain"}


def test_without_a_head_before_there_is_no_gain():
    measured = agreement(after=RISING)
    assert (measured.before, measured.gain, measured.to_dict()["gain"]) == (None, None, None)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"after": RISING, "before": SHUFFLED}, "It follows mixtral: Spearman 1.00 [1.00, 1.00] on 60 turns of 30"),
        ({"after": RISING}, "It follows mixtral: Spearman 1.00"),
        ({"after": SHUFFLED, "before": RISING}, "It does not follow mixtral: Spearman 0"),
        ({"after": -RISING}, "It does not follow mixtral: Spearman -1.00"),
        ({"after": RISING, "before": RISING**2}, "not shown to be better than before: Spearman 1.00"),
        ({"after": RISING, "length": -RISING}, "no better than the length of the reply does (-1.00)"),
        ({"after": np.ones(N)}, "could not be measured: scores are all the same"),
    ],
)
def test_a_student_that_does_not_follow_is_called_so(scores, words):
    assert words in verdict(agreement(**scores), "mixtral")


def test_too_few_dialogues_prove_nothing():
    measured = held_out_agreement(RISING, {"after": RISING}, [0] * N, 0.5)
    assert "It does not follow mixtral: Spearman 1.00 on 60 turns of 1 dialogues; no interval" in verdict(
        measured, "mixtral"
    )


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"after": RISING, "before": SHUFFLED, "teacher": RISING}, "With people: Spearman 1.00 [1.00, 1.00], and its"),
        ({"after": RISING, "teacher": SHUFFLED}, "The teacher is not shown to agree with people."),
        ({"after": SHUFFLED, "before": RISING, "teacher": SHUFFLED}, "it agrees less than the head before, 1.00"),
    ],
)
def test_a_teacher_that_misleads_is_called_so(scores, words):
    assert words in verdict_of_people(agreement(**scores))


def test_the_cost_of_a_thousand_turns():
    # 40 calls of 2 s and 120 tokens, and 10 replies from the cache, are 50 judgements: a call each
    cost = judging_cost(Spend(calls=40, cached=10, prompt_tokens=4000, completion_tokens=800, seconds=80.0), 50)
    assert (cost.calls, cost.seconds, cost.tokens) == (1000, 2000, 120_000)
    samples = judging_cost(Spend(calls=250, seconds=50.0), 50)
    assert (samples.calls, samples.seconds, samples.tokens) == (5000, 1000, None)
    cached = judging_cost(Spend(cached=50), 50)
    assert cached.to_dict() == {"calls": 1000.0, "seconds": None, "tokens": None}
    assert share_of_cost(samples, cost) == 0.5
    assert share_of_cost(cached, cost) is share_of_cost(cost, cached) is None
