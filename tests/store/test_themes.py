"""Themes kept in the store, on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from convexplain import Conversation, Turn
from convexplain.analysis.themes.theme import CommonCause, GroupExcess, LowScores, Theme, ThemeMember, Trend
from convexplain.errors import StoreError
from convexplain.models.chat import Spend
from convexplain.store import delete_run, run_contents
from convexplain.store.themes import (
    ThemeSearch,
    keep_themes,
    pin_theme,
    pinned_themes,
    rename_theme,
    replace_themes,
    stored_theme,
    stored_themes,
    theme_search,
    unpin_theme,
)

SEARCH = ThemeSearch(40, 5, "Grouped are the turns below the threshold.", ((9, 1),), 0.1, 8, ("Only the worst.",))
FULL = Theme(
    name="names no time",
    phrases=("as soon as possible", "please wait"),
    members=(),
    share=0.05,
    interval=(0.01, 0.17),
    excesses=(GroupExcess("bot", "v2", 2, 10, 0.2, 0.0, 0.03),),
    trend=Trend(0.0, 0.1, (-0.02, 0.3)),
    cause=CommonCause("is a message of the user that says “order number”", 6, 8, 2, 40, 0.01),
    low=LowScores("harm", 2, 9, 0.7, 0.9, 0.8, 0.02),
)


@pytest.fixture
def run(store):
    """A finished run with four conversations; their numbers are in `run.numbers`."""
    return begin(store, "f")


def begin(store, fingerprint, names="abcd"):
    run = store.begin_run("m", fingerprint, {}, []).id
    turns = (Turn("user", "Hi"), Turn("assistant", "Wait."))
    numbers = [store.keep_conversation(Conversation(name, turns, "s"), run) for name in names]
    store.end_run(run, "done", Spend())
    return run, numbers


def theme(numbers, name="names no time", **values):
    """The first of the conversations is the most typical, whatever its similarity (a repeated reply comes last)."""
    members = tuple(ThemeMember(number, 1, 0.5 + 0.1 * i) for i, number in enumerate(numbers))
    return replace(FULL, name=name, members=members, **values)


def test_they_come_back_the_largest_first(store, run):
    number, (a, b, c, _) = run
    assert (theme_search(store, number), stored_themes(store, number)) == (None, [])
    small, large = theme([c], "small", excesses=(), trend=None, cause=None), theme([b, a], "large")
    keep_themes(store, number, SEARCH, [small, large])
    stored = stored_themes(store, number)
    assert [each.theme for each in stored] == [large, small]
    assert stored_theme(store, stored[0].number) == stored[0]
    assert theme_search(store, number) == SEARCH
    keep_themes(store, number, SEARCH, [])
    assert (theme_search(store, number), stored_themes(store, number)) == (SEARCH, [])
    for missing in (stored[0].number, 99999999999):
        with pytest.raises(StoreError, match=f"there is no theme {missing}; `convexplain themes` lists those"):
            stored_theme(store, missing)


def test_a_pinned_theme_has_one_name_in_all_runs(store, run):
    number, (a, b, c, d) = run
    keep_themes(store, number, SEARCH, [theme([a, b])])
    (first,) = stored_themes(store, number)
    pin_theme(store, first.number)
    later, _ = begin(store, "g")
    keep_themes(store, later, SEARCH, [theme([c, d], pinned=first.number), theme([a], "other")])
    follower, other = stored_themes(store, later)
    assert [each.number for each in pinned_themes(store)[first.number]] == [first.number, follower.number]
    rename_theme(store, follower.number, "waits")
    rename_theme(store, other.number, "alone")
    assert [stored_theme(store, each.number).theme.name for each in (first, follower, other)] == [
        *("waits", "waits"),
        "alone",
    ]
    unpin_theme(store, follower.number)
    assert pinned_themes(store) == {}
    assert stored_theme(store, first.number).theme.name == "waits"


def test_a_search_keeps_the_pinned_themes_of_the_run(store, run):
    """Of three pinned themes one is found again, one is only in this run and not found, one is in another run too."""
    number, (a, b, c, d) = run
    keep_themes(store, number, SEARCH, [theme([a], "again"), theme([b], "only here"), theme([c], "there too")])
    for stored in stored_themes(store, number):
        pin_theme(store, stored.number)
    again, only, there = (stored.number for stored in stored_themes(store, number))
    later, _ = begin(store, "g")
    keep_themes(store, later, SEARCH, [theme([c], "there too", pinned=there)])
    keep_themes(store, number, SEARCH, [theme([a, d], "again", pinned=again), theme([c], "new")])
    stored = {each.number: each.theme for each in stored_themes(store, number)}
    assert (stored[again].name, len(stored[again].members)) == ("again", 2)
    assert stored[only].name == "only here"
    assert sorted(each.name for each in stored.values()) == ["again", "new", "only here"]


def test_themes_are_replaced_by_merged_and_split_ones(store, run):
    number, (a, b, c, d) = run
    keep_themes(store, number, SEARCH, [theme([a]), theme([b], "second")])
    first, second = (stored.number for stored in stored_themes(store, number))
    (new,) = replace_themes(store, number, {first: theme([a, b])}, [theme([c, d], "new")])
    assert new > second
    assert [(each.number, each.theme.name, len(each.theme.members)) for each in stored_themes(store, number)] == [
        (first, "names no time", 2),
        (new, "new", 2),
    ]


def test_themes_go_with_their_run(store, run):
    number, (a, b, *_) = run
    keep_themes(store, number, SEARCH, [theme([a, b])])
    (stored,) = stored_themes(store, number)
    assert run_contents(store, number).themes == 1
    assert delete_run(store, number).themes == 1
    with pytest.raises(StoreError):
        stored_theme(store, stored.number)
    assert list(store.conversations()) == []
    again, (a, *_) = begin(store, "h")
    keep_themes(store, again, SEARCH, [theme([a])])
    assert stored_themes(store, again)[0].number > stored.number  # a deleted one's number is not used again
