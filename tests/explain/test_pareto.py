"""The Pareto front, by hand and on generated points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain.explain.pareto import dominates, front_layers, pareto_front


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((1, 1), (0, 0), True),
        ((1, 0), (0, 0), True),
        ((0, 0), (0, 0), False),  # equal
        ((1, 0), (0, 1), False),
        ((0, 0), (1, 0), False),
    ],
)
def test_dominates(first, second, expected):
    assert dominates(first, second) is expected


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(0.5, 0.5)], [0]),
        ([(0.9, 0.3), (0.4, 0.95)], [0, 1]),  # both ends
        ([(0.9, 0.3), (0.4, 0.95), (0.4, 0.9)], [0, 1]),  # the last is dominated by the second
        ([(0.4, 0.9), (0.9, 0.3), (0.4, 0.9)], [0, 1]),  # of equal points the first
        ([(1, 1, -3), (1, 1, -2), (0, 0, -1)], [1, 2]),  # fewer words
    ],
)
def test_the_front_of_few_points(points, front):
    assert pareto_front(points) == front


def test_of_a_long_front_the_ends_stay_and_the_others_are_spread():
    """Eleven points on a line, all on the front: both ends, then the middle, then the middles of what is between."""
    points = [(i, 10 - i) for i in range(11)]
    assert pareto_front(points, 2) == [0, 10]
    assert pareto_front(points, 3) == [0, 5, 10]
    assert pareto_front(points, 1) == [10]  # the best on the first count


def test_layers_come_one_after_the_other():
    points = [(0, 0), (2, 2), (1, 1), (3, 0)]
    assert front_layers(points, 9) == [1, 3, 2, 0]
    assert front_layers(points, 3) == [1, 3, 2]
    assert front_layers([(1, 1), (1, 1)], 9) == [0, 1]
    assert front_layers([], 9) == []


POINTS = st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=25)


@pytest.mark.slow
@given(POINTS)
def test_no_point_of_the_front_is_dominated_and_every_other_point_is(points):
    front = pareto_front(points, 1000)
    chosen = [points[i] for i in front]
    assert front == sorted(set(front))
    assert len(set(chosen)) == len(chosen)
    for point in points:
        assert (point in chosen) != any(dominates(rival, point) for rival in points)


@pytest.mark.slow
@given(POINTS, st.integers(3, 8))
def test_a_short_front_is_part_of_the_whole_and_has_the_best_on_each_count(points, most):
    whole, short = pareto_front(points, 1000), pareto_front(points, most)
    assert set(short) <= set(whole)
    assert len(short) == min(most, len(whole))
    for count in range(3 if points else 0):
        assert max(points[i][count] for i in short) == max(point[count] for point in points)
