"""Shares, trends and over-represented groups of themes."""

from datetime import UTC, datetime

import pytest

from convexplain.analysis.themes.statistics import excesses, share_of, trend
from convexplain.analysis.themes.theme import FlaggedTurn, JudgedGroups
from convexplain.types import Conversation, Turn

MIDDLE = datetime(2026, 11, 8, tzinfo=UTC)


def flagged(number: int, bot: str = "", day: int = 1) -> FlaggedTurn:
    talk = Conversation(str(number), (Turn("user", "Hello"), Turn("assistant", "Go away")), "log")
    return FlaggedTurn(number, talk, 1, 0.1, bot=bot, source="log", began_at=datetime(2026, 11, day, tzinfo=UTC))


def test_the_share_has_the_interval_of_wilson() -> None:
    # centre (0.2 + 1.96² / 40) / (1 + 1.96² / 20) = 0.2484, half width 0.1677
    share, (low, high) = share_of(4, 20)
    assert (share, low, high) == (0.2, pytest.approx(0.0807, abs=1e-3), pytest.approx(0.4160, abs=1e-3))
    assert share_of(0, 0) == (0.0, (0.0, 1.0))


def test_the_trend_is_the_later_share_less_the_earlier() -> None:
    groups = JudgedGroups(20, {"log": 20}, {}, 10, 10, MIDDLE)
    change = trend([flagged(0, day=2), *(flagged(i, day=9) for i in range(1, 9))], groups)
    assert change is not None
    assert (change.before, change.after) == (0.1, 0.8)
    assert 0 < change.interval[0] < 0.7 < change.interval[1] < 1


def test_without_dates_there_is_no_trend() -> None:
    assert trend([flagged(0)], JudgedGroups(20, {"log": 20}, {})) is None


def test_a_bot_with_most_of_a_theme_is_named_with_both_shares() -> None:
    groups = JudgedGroups(100, {"log": 100}, {"a": 50, "b": 50})
    over = excesses([[flagged(i, "a") for i in range(10)], [flagged(i, "ab"[i % 2]) for i in range(6)]], groups)
    assert [[(group.field, group.value, group.count, group.share) for group in theme] for theme in over] == [
        [("bot", "a", 10, 0.2)],
        [],
    ]
    # p = C(50, 10) / C(100, 10) = 0.000593, and four pairs of a theme and a bot were tested
    assert over[0][0].q == pytest.approx(4 * 0.000593, rel=0.01)
