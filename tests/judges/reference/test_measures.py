import json
from dataclasses import replace

import numpy as np
import pytest

from convexplain import Evidence, Judgement, load_rubric
from convexplain.errors import UsageError
from convexplain.judges.reference import parse_parts
from convexplain.judges.reference.measures import benchmark, judge_benchmark, lowest_bad, wording_of
from convexplain.judges.reference.planting import PlantedLog, compose
from convexplain.judges.reference.reference_set import chosen_replies

from .sample_parts import PARTS

CARD, DESK = parse_parts(PARTS, "library.yaml")
HELPFULNESS, HARM = load_rubric("helpfulness"), load_rubric("harm")


def log():
    """Seven turns: good, thin, dangerous; rude, good, good; good. Eight scenarios of each, for the intervals."""
    turns = []
    for number in range(8):
        for name, scenario, row, names in (
            ("a", CARD, 0, [0, "thin", "dangerous"]),
            ("b", CARD, 1, ["rude", 0, 1]),
            ("c", DESK, 0, [0, 0]),
        ):
            made = compose(scenario, row, chosen_replies(scenario, names), f"{name}{number}")
            turns += [replace(turn, scenario=f"s{number}") for turn in made]
    conversations = tuple(dict.fromkeys(turn.conversation for turn in turns))
    return PlantedLog(conversations, tuple(turns))


def judgements(log, rubric, score):
    return [
        Judgement(turn.conversation.id, turn.turn, rubric.id, score(turn), None, None, Evidence(), "m", "")
        for turn in log.turns
    ]


def test_a_perfect_judge_is_perfect_and_one_kind_may_be_missed():
    planted = log()
    right = judgements(planted, HARM, lambda turn: 0.1 if turn.label("harm") == 0 else 0.9)
    (harm,) = benchmark(planted, right, [HARM]).maxims
    assert (harm.auc.value, harm.auc.low, harm.lowest, harm.bad, harm.unscored) == (1.0, 1.0, 10.0, 16, 0)
    assert (harm.recall.value, harm.precision.value) == (1.0, 1.0)
    # thin turns satisfy this maxim, and are not ordinary either: they are of neither side
    assert harm.scores == {"good": (0.9,) * 40, "rude": (0.1,) * 8, "dangerous": (0.1,) * 8}
    assert harm.beats_baselines

    rude_only = judgements(planted, HARM, lambda turn: 0.1 if turn.kind == "rude" else 0.9)
    result = benchmark(planted, rude_only, [HARM], judge="j")
    (harm,) = result.maxims
    # of the pairs of a good and a bad turn those with a rude one are right, those with a dangerous one are ties
    assert harm.auc.value == pytest.approx(0.75)
    assert {kind: estimate.value for kind, estimate in harm.kinds.items()} == {"rude": 1.0, "dangerous": 0.5}
    assert {kind: estimate.n for kind, estimate in harm.kinds.items()} == {"rude": 8, "dangerous": 8}
    assert (harm.recall.value, harm.precision.value) == (0.5, 1.0)
    # the eight rude ones, and two of 56 ties of which eight are dangerous
    assert harm.lowest == pytest.approx(8 + 2 * 8 / 56)
    assert result.sentence == "Reads rude turns well and misses dangerous ones."


def test_over_all_maxims_the_lowest_score_of_a_turn_counts():
    planted = log()
    scores = [
        *judgements(planted, HARM, lambda turn: 0.2 if turn.kind == "rude" else 0.9),
        *judgements(planted, HELPFULNESS, lambda turn: 0.3 if turn.kind == "thin" else 0.6),
    ]
    result = benchmark(planted, scores, [HELPFULNESS, HARM])
    assert (result.turns, result.planted, result.unscored) == (64, 24, 0)
    assert (result.lowest, result.recall.value, result.precision.value) == (10.0, pytest.approx(2 / 3), 1.0)
    assert {kind: estimate.value for kind, estimate in result.flagged.items()} == {
        "good": 0.0,
        "rude": 1.0,
        "dangerous": 0.0,
        "thin": 1.0,
    }
    assert result.flagged["good"].n == 40
    assert result.sentence == "Reads thin and rude turns well and misses dangerous ones."


def test_chance_and_length_are_no_reading():
    planted = log()
    (constant,) = benchmark(planted, judgements(planted, HARM, lambda turn: 0.5), [HARM]).maxims
    assert (constant.auc.value, constant.beats_baselines) == (0.5, False)
    assert constant.lowest == pytest.approx(10 * 16 / 64)
    (by_length,) = benchmark(
        planted, judgements(planted, HARM, lambda turn: len(turn.text.split()) / 100), [HARM]
    ).maxims
    assert by_length.auc.value == by_length.length.value
    assert not by_length.beats_baselines


def test_turns_without_a_score_count_in_no_measure():
    planted = log()
    scores = judgements(planted, HARM, lambda turn: None if turn.kind == "rude" else 0.1 + 0.8 * turn.label("harm"))
    result = benchmark(planted, scores[:-1], [HARM])
    (harm,) = result.maxims
    assert (harm.auc.value, harm.auc.n, harm.bad, harm.unscored) == (1.0, 55, 16, 9)
    assert set(harm.kinds) == {"dangerous"}
    assert result.unscored == 9
    nothing = benchmark(planted, [], [HARM])
    assert (nothing.unscored, nothing.lowest, nothing.maxims[0].auc.value) == (64, 0.0, None)
    assert nothing.maxims[0].auc.reason == "no labelled turn has a score"
    assert not nothing.maxims[0].beats_baselines
    assert nothing.sentence == "No turn has a score."


def test_a_benchmark_is_json_and_comes_back_from_it():
    planted = log()
    scores = judgements(planted, HARM, lambda turn: 0.1 if turn.label("harm") == 0 else 0.9)
    result = benchmark(planted, scores, [HARM], "choosing", "m", "f")
    assert judge_benchmark(json.loads(json.dumps(result.to_dict()))) == result
    assert result.to_dict()["maxims"][0]["beats_baselines"] is True


def test_a_rubric_without_labels_is_refused():
    with pytest.raises(UsageError, match="'manner_1': the reference set has no labels on it"):
        benchmark(log(), [], [load_rubric("manner_1")])


def test_a_wording_is_all_that_is_asked():
    assert wording_of(replace(HARM, threshold=0.3, title="Kindness")) == wording_of(HARM)
    for changed in (
        replace(HARM, requirement="Be kind."),
        replace(HARM, examples=HARM.examples[1:]),
        replace(HARM, notes=()),
    ):
        assert wording_of(changed) != wording_of(HARM)


@pytest.mark.parametrize(
    ("scores", "bad", "n", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], [1, 0, 1, 0], 2, 1.0),
        ([0.1, 0.2, 0.2, 0.2], [1, 1, 0, 0], 2, 1 + 1 / 3),  # one place for three equal ones, one of them bad
        ([0.5, 0.5], [1, 1], 10, 2.0),
        ([], [], 10, 0.0),
    ],
)
def test_the_lowest_turns_share_places_where_scores_are_equal(scores, bad, n, expected):
    assert lowest_bad(np.array(scores), np.array(bad, dtype=bool), n) == pytest.approx(expected)
