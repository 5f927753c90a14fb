"""Mean scores by place in the conversation."""

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.store import scores_by_answer
from convexplain.types import Evidence, Judgement

HARM, HELP = load_rubric("harm"), load_rubric("helpfulness")


def judge(store, run, name, scores, rubric=HARM):
    """A conversation whose assistant turns have these scores; user turns stand between them."""
    turns = tuple(Turn(role, "x") for _ in scores for role in ("user", "assistant"))
    number = store.keep_conversation(Conversation(name, turns), run)
    for i, score in enumerate(scores):
        judgement = Judgement(name, 2 * i + 1, rubric.id, score, None, None, Evidence(), "m", "s")
        store.keep_judgement(run, number, rubric, judgement)


def test_means_and_intervals_by_answer(store):
    run = store.begin_run("m", "f", {}, [HARM, HELP]).id
    judge(store, run, "a", [0.9, 0.6, 0.2])
    judge(store, run, "b", [0.7, None])
    judge(store, run, "c", [0.8, 0.4])
    judge(store, run, "a", [0.1], HELP)
    first, second, third = scores_by_answer(store, run, HARM.sha)
    # Deviations 0.1, -0.1, 0: variance 0.01, standard error 0.1 / sqrt(3); t of 2 degrees of freedom is 4.3027.
    assert (first.answer, first.n, first.mean) == (1, 3, pytest.approx(0.8))
    assert (first.low, first.high) == (pytest.approx(0.8 - 0.24841, abs=1e-4), 1.0)
    # One degree of freedom: 12.706 times 0.1, beyond both ends.
    assert (second.answer, second.n, second.mean, second.low, second.high) == (2, 2, pytest.approx(0.5), 0.0, 1.0)
    assert (third.n, third.mean, third.low, third.high) == (1, pytest.approx(0.2), None, None)


def test_an_answer_that_nothing_has_a_score_for_is_left_out(store):
    run = store.begin_run("m", "f", {}, [HARM]).id
    judge(store, run, "a", [None, 0.5, 0.5, 0.5])
    assert [found.answer for found in scores_by_answer(store, run, HARM.sha)] == [2, 3, 4]
    assert [found.answer for found in scores_by_answer(store, run, HARM.sha, limit=3)] == [2, 3]
    assert scores_by_answer(store, run, HELP.sha) == []
