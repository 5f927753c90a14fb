"""The queue of turns to label: a mixture in turn, and what of it is a random sample."""

import numpy as np
import pytest

from convexplain.agreement.triage import draw_numbers, random_sample, triage

SCORES = np.array([0.9, 0.1, 0.45, 0.6, 0.2, 0.5])
DRAWS = np.array([50, 10, 40, 20, 60, 30], dtype=np.uint64)  # the order of chance: 1, 3, 5, 2, 0, 4
ALONE = np.zeros(6, dtype=np.uint64)  # a reviewer whose numbers change no order


def picks(spread=ALONE, open_turns=None, middle=0.5):
    open_turns = np.ones(6, dtype=bool) if open_turns is None else np.array(open_turns, dtype=bool)
    return [(pick.index, pick.stratum) for pick in triage(SCORES, DRAWS, spread, open_turns, middle)]


def test_random_lowest_and_uncertain_turns_come_in_rotation():
    # Lowest first: 1, 4, 2, 5, 3, 0. Nearest to 0.5: 5, 2, 3, 4, 0, 1 (0, 0.05, 0.1, 0.3, 0.4, 0.4).
    assert picks() == [
        (1, "random"), (4, "lowest"), (5, "uncertain"), (3, "random"), (2, "lowest"), (0, "uncertain"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("open_turns", "expected"),
    [
        ([0, 0, 0, 0, 0, 0], []),
        ([0, 0, 1, 0, 0, 0], [(2, "random")]),
        ([1, 0, 0, 0, 1, 0], [(0, "random"), (4, "lowest")]),
    ],
)
def test_labelled_turns_do_not_come(open_turns, expected):
    assert picks(open_turns=open_turns) == expected


def test_another_middle_makes_other_turns_uncertain():
    assert picks(middle=0.9)[2] == (0, "uncertain")


def test_reviewers_get_neighbours_in_another_order_but_not_other_turns():
    # The first four of chance are 1, 3, 5, 2; this reviewer's smallest number among them is that of 2.
    reviewer = np.array([0, 9, 1, 8, 0, 7], dtype=np.uint64)
    assert picks(reviewer)[0] == (2, "random")
    assert sorted(index for index, _ in picks(reviewer)) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("labelled", "expected"),
    [
        ([0, 0, 0, 0, 0, 0], []),
        ([0, 1, 0, 1, 0, 0], [1, 3]),  # the first two draws
        ([1, 1, 0, 0, 1, 0], [1]),  # 0 and 4 were labelled for another reason, and lie behind 3, 5 and 2
        ([0, 0, 1, 1, 1, 1], []),  # the first draw has no label: 4 of 5 are too few
        ([1, 1, 1, 1, 1, 1], [1, 3, 5, 2, 0, 4]),
    ],
)
def test_a_random_sample_is_what_chance_drew_first(labelled, expected):
    assert random_sample(DRAWS, np.array(labelled, dtype=bool)).tolist() == expected


def test_one_turn_in_ten_may_be_skipped():
    draws, labelled = np.arange(20, dtype=np.uint64), np.ones(20, dtype=bool)
    labelled[[3, 12, 15]] = False
    # 9 of the first 10 have labels, 11 of 13 do not reach nine in ten, nor do 17 of all 20 (0.85).
    assert random_sample(draws, labelled).tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    # 11 of 12 (0.92) is the longest beginning that does.


def test_draws_depend_on_the_turn_alone_and_are_spread():
    few = draw_numbers([1, 2], [1, 3], 7)
    many = draw_numbers([5, 1, 2], [1, 1, 3], 7)
    assert many[1:].tolist() == few.tolist()
    assert draw_numbers([1, 2], [1, 3], 8).tolist() != few.tolist()
    shares = draw_numbers(range(1, 4001), [1] * 4000, 3).astype(float) / 2.0**64
    assert abs(shares.mean() - 0.5) < 0.02  # 4 standard errors of 4,000 draws are 0.018
    assert abs(np.corrcoef(np.arange(4000), shares)[0, 1]) < 0.065
