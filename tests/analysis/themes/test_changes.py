"""Themes of two runs: which are the same, and whether they grew."""

import numpy as np
import pytest

from convexplain import Conversation, Turn
from convexplain.analysis.themes.changes import RunThemeMembers, ThemeChange, theme_changes
from convexplain.analysis.themes.statistics import share_change
from convexplain.analysis.themes.theme import FlaggedTurn, Theme, ThemeMember

REPLIES = {"rude": "You fool, you silly fool.", "slow": "Please wait a little longer, it takes some time."}


def members(name, kind, count, pinned=None):
    turns = [
        FlaggedTurn(i, Conversation(f"{kind}-{i}", (Turn("user", "Hi"), Turn("assistant", REPLIES[kind]))), 1, 0.1)
        for i in range(count)
    ]
    theme = Theme(name, (), tuple(ThemeMember(i, 1, 1.0) for i in range(count)), 0.1, (0.0, 0.2), pinned=pinned)
    return RunThemeMembers(theme, turns)


def embed(texts):
    return np.array([[float("fool" in text), float("fool" not in text)] for text in texts])


def changes(first, second, judged=(100, 100)):
    return [
        (change.name, change.before, change.after, change.outcome)
        for change in theme_changes(first, second, judged, [], embed)
    ]


def test_themes_whose_turns_are_alike_are_the_same():
    first = [members("insults", "rude", 20), members("no date", "slow", 3)]
    assert changes(first, [members("is rude", "rude", 4), members("waits", "slow", 12)]) == [
        ("waits", 3, 12, "grew"),  # 3 % and 12 %: the interval is +1.2 to +17.0 points
        ("is rude", 20, 4, "shrank"),
    ]


def test_themes_that_only_one_run_has():
    assert changes([members("insults", "rude", 20)], [members("waits", "slow", 12)]) == [
        ("waits", 0, 12, "new"),
        ("insults", 20, 0, "gone"),
    ]
    assert changes([], [members("waits", "slow", 2)]) == [("waits", 0, 2, "no clear change")]
    assert changes([], []) == []


def test_pinned_themes_and_names_are_the_same_whatever_their_turns_say():
    assert changes([members("a", "rude", 5, pinned=1)], [members("b", "slow", 5, pinned=1)]) == [
        ("b", 5, 5, "no clear change")
    ]
    assert changes([members("a", "rude", 5)], [members("a", "slow", 5)]) == [("a", 5, 5, "no clear change")]


def test_changes_are_corrected_for_all_modes():
    """3 and 12 of 100: p = 0.0287 alone; beside a mode of p = 1 (5 and 5 of 100) q = 2 / 1 * 0.0287 = 0.0573."""
    waits = [members("waits", "slow", 3)], [members("waits", "slow", 12)]
    insults = [members("insults", "rude", 5)]
    (alone,) = theme_changes(*waits, (100, 100), [], embed)
    assert (alone.outcome, alone.q) == ("grew", pytest.approx(0.0287, abs=1e-4))
    beside = theme_changes(waits[0] + insults, waits[1] + insults, (100, 100), [], embed)
    assert [(change.name, change.outcome) for change in beside] == [
        ("waits", "no clear change"),
        ("insults", "no clear change"),
    ]
    assert [change.q for change in beside] == pytest.approx([0.0573, 1.0], abs=1e-4)


def test_a_change_in_words():
    """Newcombe's interval of 0 of 100 and 10 of 100: Wilson's are 0 to 3.70 % and 5.52 to 17.44 %.

    10 - sqrt(4.48² + 3.70²) = 4.19, and 10 + sqrt(7.44² + 0²) = 17.44.
    """
    change = ThemeChange("waits", 0, 10, share_change(0, 100, 10, 100), 0.0015)
    assert change.change.interval == pytest.approx((0.0419, 0.1744), abs=1e-4)
    assert change.words == (
        "new: 0 → 10 turns (0.0 % → 10.0 %, 95 % interval of the change +4.2 to +17.4 points, q = 0.0015)"
    )
    assert change.to_dict()["outcome"] == "new"
