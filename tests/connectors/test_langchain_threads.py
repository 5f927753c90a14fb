"""Histories that come again and again: what of them is new."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain import Turn
from convexplain.connectors.langchain.threads import Threads, merge

ROLES = {"s": "system", "u": "user", "a": "assistant"}


def talk(words):
    """Turns from words: `u1` is the user's first."""
    return tuple(Turn(ROLES[word[0]], word) for word in words.split())


@pytest.mark.parametrize(
    ("known", "history", "merged"),
    [
        ("u1 a1", "u1 a1 u2 a2", "u1 a1 u2 a2"),  # goes on
        ("u1 a1 u2 a2", "u1 a1", "u1 a1 u2 a2"),  # comes late
        ("u1 a1", "u1 a1", "u1 a1"),  # again
        ("u1 a1 u2 a2", "u2 a2 u3 a3", "u1 a1 u2 a2 u3 a3"),  # its end only
        ("u1 a1 u2 a2", "a2 u3 a3", "u1 a1 u2 a2 u3 a3"),  # cut in the middle of an exchange
        ("u1 a1 u2 a2", "s9 u2 a2 u3 a3", "u1 a1 u2 a2 u3 a3"),  # its beginning summed up
        ("u1 a1", "s1 u1 a1 u2 a2", "u1 a1 u2 a2"),  # with the system's words, which were not there
        ("u1 a1", "u2 a2", "u1 a1 u2 a2"),  # the last question only
        ("s1 u1 a1", "s1 u2 a2", "s1 u1 a1 u2 a2"),  # likewise, each time with the system's words
        ("u1 a1", "u1 b1", None),  # answered anew
        ("u1 a1 u2 a2", "u1 a1 u9 a9", None),  # gone on with from an earlier turn
    ],
)
def test_what_a_history_adds(known, history, merged):
    known, history = talk(known.replace("b", "a")), talk(history.replace("b1", "a9"))
    assert merge(known, history) == (None if merged is None else talk(merged))


WORDS = st.lists(st.sampled_from(["u1", "u2", "a1", "a2", "s1"]), min_size=1, max_size=8).map(
    lambda words: talk(" ".join(words))
)


@given(WORDS, WORDS)
def test_what_is_known_stays_as_it_is(known, history):
    merged = merge(known, history)
    assert merged is None or merged[: len(known)] == known


@given(st.integers(1, 12), st.data())
def test_whole_histories_in_any_order_end_in_the_longest(length, data):
    whole = talk(" ".join(f"u{number} a{number}" for number in range(length)))
    threads = Threads("test")
    sizes = data.draw(st.permutations(range(2, len(whole) + 1, 2)))
    found = {id(threads.add_history("t", whole[:size])) for size in sizes}
    assert len(found) == 1
    assert threads.add_history("t", whole).conversation.turns == whole


def test_a_branch_is_a_conversation_of_its_own_whose_beginning_is_not_judged_again(helpfulness):
    threads = Threads("test")
    first = threads.add_history("t", talk("u1 a1 u2 a2"))
    first.judged = {(1, helpfulness.sha), (3, helpfulness.sha)}
    other = threads.add_history("t", talk("u1 a1 u2 a9"))
    assert (first.conversation.id, other.conversation.id) == ("t", "t#2")
    assert other.to_judge([helpfulness], 4) == [(3, [helpfulness])]
    assert threads.add_history("t", talk("u1 a1 u2 a9 u3 a3")) is other
    assert threads.add_history("t", talk("u1 a1 u2 a2 u3 a4")) is first
    assert threads.add_history("t", talk("u1 a7")).conversation.id == "t#3"


def test_what_was_judged_after_a_branch_was_heard_of_is_not_judged_again_in_it(helpfulness):
    threads = Threads("test")
    first = threads.add_history("t", talk("u1 a1 u2 a2"))
    other = threads.add_history("t", talk("u1 a1 u2 a9"))
    third = threads.add_history("t", talk("u1 a1 u2 a9 u3 a3"))
    first.judged = {(1, helpfulness.sha), (3, helpfulness.sha)}
    assert first.order is other.order
    assert third is other
    assert [turn for turn, _ in other.to_judge([helpfulness], 6)] == [3, 5]


def test_what_is_to_judge(helpfulness):
    turns = (
        Turn("user", "u"),
        Turn("assistant", "[tool call f()]", metadata={"only_tool_calls": True}),
        Turn("assistant", " "),
        Turn("assistant", "in its place", metadata={"convexplain": "held back"}),
        Turn("assistant", "yes"),
        Turn("assistant", "more"),
    )
    found = Threads("test").add_history("t", turns)
    assert [turn for turn, _ in found.to_judge([helpfulness], 6)] == [4, 5]
    assert [turn for turn, _ in found.to_judge([helpfulness], 5)] == [4]
    alone = Threads("test").standalone("t", turns, 5)
    assert [turn for turn, _ in alone.to_judge([helpfulness], 6)] == [5]


def test_threads_that_were_not_heard_of_for_long_are_forgotten():
    threads = Threads("test", most=2)
    first = threads.add_history("1", talk("u1 a1"))
    second = threads.add_history("2", talk("u1 a1"))
    assert threads.add_history("1", talk("u1 a1")) is first
    threads.add_history("3", talk("u1 a1"))
    assert threads.add_history("1", talk("u1 a1")) is first
    assert threads.add_history("2", talk("u1 a1")) is not second
