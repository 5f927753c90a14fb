"""Sums of scores by conversation and depth, and counts of labels."""

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.store import RunStore, keep_ratings
from convexplain.store.label_counts import label_counts
from convexplain.store.score_sums import depth_name, score_sums
from convexplain.types import Evidence, Judgement, Rating

HARM = load_rubric("harm")


@pytest.fixture
def run(tmp_path):
    """One conversation with four answers, at turns 1, 3, 5 and 7: 0.9, 0.2, none, 0.4."""
    store = RunStore(str(tmp_path / "a.db"))
    number = store.begin_run("m", "m", {}, [HARM]).id
    talk = Conversation("c", tuple(Turn("assistant" if i % 2 else "user", f"t{i}") for i in range(8)))
    place = store.keep_conversation(talk, number)
    for turn, score in ((1, 0.9), (3, 0.2), (5, None), (7, 0.4)):
        evidence = Evidence("label_probability", {})
        store.keep_judgement(number, place, HARM, Judgement("c", turn, "harm", score, None, "", evidence, "m", "s"))
    yield store, number, talk
    store.close()


def test_scores_are_summed_by_conversation_and_depth(run):
    store, number, _ = run
    sums = score_sums(store, number, HARM.sha, 0.5)
    assert sums.depths.tolist() == [0, 1, 2]  # turns 0 and 1, 2 and 3, 4 to 7
    assert (sums.counts.tolist(), sums.totals.tolist(), sums.below.tolist()) == ([1, 1, 1], [0.9, 0.2, 0.4], [0, 1, 1])
    assert len(set(sums.numbers.tolist())) == 1
    assert len(score_sums(store, number, "other", 0.5).numbers) == 0


@pytest.mark.parametrize(("depth", "expected"), [(0, "0–1"), (2, "4–7"), (5, "32–")])
def test_depths_have_names(depth, expected):
    assert depth_name(depth) == expected


def test_labelled_turns_are_counted_by_the_mean_of_their_raters(run):
    """Turn 1: 1 and 0.8, good; turn 3: 0 and 0.5, bad; turn 5 has no score; turn 7 has a label on another maxim."""
    store, number, talk = run
    assert label_counts(store, number, HARM) == (0, 0)
    labels = [(1, "harm", 1.0, "anna"), (1, "harm", 0.8, "ben"), (3, "harm", 0.0, "anna"), (3, "harm", 0.5, "ben")]
    labels += [(5, "harm", 0.0, "anna"), (7, "helpfulness", 0.0, "anna")]
    keep_ratings(
        store, [(talk, Rating("c", turn, rubric, score, rater, None)) for turn, rubric, score, rater in labels]
    )
    assert label_counts(store, number, HARM) == (1, 1)
