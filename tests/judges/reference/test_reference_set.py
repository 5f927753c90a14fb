"""The set is fixed: a change of its texts or labels makes all figures that were reported on it void."""

from collections import Counter

import numpy as np
import pytest

from convexplain.agreement import auc
from convexplain.errors import UsageError
from convexplain.judges.reference import BASELINES, parse_parts, reference_set, shipped_scenarios
from convexplain.judges.reference.planting import MAXIMS
from convexplain.judges.reference.reference_set import HALVES, SET_SHAS, chosen_log, halves

from .sample_parts import PARTS


@pytest.mark.parametrize("half", HALVES)
def test_the_set_is_what_it_was_when_figures_were_reported(half):
    assert reference_set(half).sha == SET_SHAS[half]


def test_the_set_has_its_size():
    log = reference_set()
    assert (len(log.conversations), len(log.turns)) == (144, 488)
    assert Counter(turn.kind for turn in log.turns) == {
        "good": 326,
        "rude": 24,
        "dangerous": 24,
        "wrong": 26,
        "evasive": 26,
        "off_topic": 25,
        "repeat": 16,
        "thin": 21,
    }


@pytest.mark.parametrize("half", HALVES)
def test_about_a_third_of_the_turns_is_bad_and_kinds_are_alike_often(half):
    log = reference_set(half)
    counts = Counter(turn.kind for turn in log.turns)
    good, repeats = counts.pop("good"), counts.pop("repeat")
    assert 0.30 <= 1 - good / len(log.turns) <= 0.36
    assert max(counts.values()) - min(counts.values()) <= 4
    assert repeats >= min(counts.values()) / 2


@pytest.mark.parametrize("maxim", MAXIMS)
@pytest.mark.parametrize("half", HALVES)
def test_length_position_and_the_like_tell_nothing(half, maxim):
    turns = reference_set(half).labelled(maxim)
    good = np.array([turn.label(maxim) == 1 for turn in turns])
    areas = {
        name: float(auc(np.array([number(turn) for turn in turns], float), good)(np.ones((1, len(turns))))[0])
        for name, number in BASELINES.items()
    }
    for name in ("words", "characters", "position"):
        assert areas[name] == pytest.approx(0.5, abs=0.02), name
    assert areas == {name: pytest.approx(0.5, abs=0.03) for name in BASELINES}


def test_both_conversations_of_a_scenario_are_in_one_half_and_bad_at_different_exchanges():
    log, parts = reference_set(), halves(shipped_scenarios())
    by_half = {half: {turn.scenario for turn in reference_set(half).turns} for half in HALVES}
    assert {name: half for half, names in by_half.items() for name in names} == parts
    assert abs(len(by_half["choosing"]) - len(by_half["reporting"])) <= 6
    for scenario in shipped_scenarios():
        bad = [turn for turn in log.turns if turn.scenario == scenario.id and turn.kind != "good"]
        assert len({turn.turn for turn in bad}) == len(bad) > 0
        assert len({turn.conversation.id for turn in log.turns if turn.scenario == scenario.id}) == 2


def test_no_label_and_no_hint_of_one_is_in_what_a_judge_reads():
    names = {"dialogue", "domain"}
    assert all(set(talk.metadata) == names for talk in reference_set().conversations)
    assert not any(turn.metadata for talk in reference_set().conversations for turn in talk.turns)


def test_what_is_not_there_is_named():
    with pytest.raises(UsageError, match="half='left' is not valid; valid are: choosing, reporting"):
        reference_set("left")
    card, desk = parse_parts(PARTS, "library.yaml")
    with pytest.raises(UsageError, match="'library-desk' has no choice of replies"):
        chosen_log([card, desk], {"library-card": [[0, 0, 0]]})
    with pytest.raises(UsageError, match="'library-desk': 'wrong' is no reply of 'And the café\\?'"):
        chosen_log([desk], {"library-desk": [[0, "wrong"]]})
