"""The sessions of people who signed in."""

import pytest

from convexplain.dashboard.services.people import Person
from convexplain.dashboard.services.sessions import Sessions

from .server.test_throttle import Clock

ANNA = Person("Anna", "admin", "password")


def test_a_session_is_found_by_its_token_until_it_is_ended():
    sessions = Sessions(Clock())
    token, second = sessions.open(ANNA), sessions.open(ANNA)
    assert len(token) >= 43  # 256 bits
    assert token != second
    assert sessions.find(token) == sessions.peek(token) == ANNA
    assert sessions.end(token) == ANNA
    assert sessions.find(token) is sessions.peek(token) is sessions.end(token) is None
    assert sessions.find(second) == ANNA


@pytest.mark.parametrize("token", [None, "", "x", "\udcff", "a" * 100_000])
def test_another_token_is_nobodys(token):
    sessions = Sessions(Clock())
    sessions.open(ANNA)
    assert sessions.find(token) is None


def test_a_session_ends_two_hours_after_the_last_request():
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.open(ANNA)
    clock.now += 7199
    assert sessions.find(token) == ANNA
    clock.now += 7199
    assert sessions.peek(token) == ANNA  # which does not count as a request
    clock.now += 2
    assert sessions.find(token) is None


def test_a_session_ends_after_twelve_hours_in_any_case():
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.open(ANNA)
    for _ in range(12):
        clock.now += 3600
        assert sessions.find(token) == ANNA
    clock.now += 1
    assert sessions.find(token) is None
