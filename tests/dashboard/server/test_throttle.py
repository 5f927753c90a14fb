"""Guesses of the password: one a second at most for all together, and fewer after wrong ones."""

import random

from convexplain.dashboard.server.throttle import Throttle


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_the_pause_doubles_with_each_wrong_password_and_stops_growing_at_30_seconds():
    clock = Clock()
    throttle = Throttle(clock)
    pauses = []
    for _ in range(8):
        assert throttle.admit() == 0.0
        throttle.failed()
        pauses.append(throttle.admit())  # refused: it says how long to wait
        clock.now += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_try_takes_its_second_before_the_password_is_looked_at():
    throttle = Throttle(Clock())
    assert [throttle.admit() for _ in range(3)] == [0.0, 1.0, 1.0]


def test_ten_calm_minutes_make_the_pause_short_again():
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(5):
        clock.now += 60
        assert throttle.admit() == 0.0
        throttle.failed()
    clock.now += 601
    assert throttle.admit() == 0.0
    throttle.failed()
    assert throttle.admit() == 1.0


def test_50_sessions_together_get_at_most_one_try_a_second():
    clock = Clock()
    throttle = Throttle(clock)
    begun, admitted = clock.now, 0
    draw = random.Random(7)
    for _ in range(20_000):  # each of 50 sessions knocks about every half second
        clock.now += draw.expovariate(100.0)
        if throttle.admit() == 0.0:
            admitted += 1
            throttle.failed()
    seconds = clock.now - begun
    assert 190 < seconds < 210
    assert admitted <= 1 + seconds
    assert admitted <= 13  # 5 in the first 31 seconds, then one in 30 seconds: about 1 + 5 + 200 / 30
