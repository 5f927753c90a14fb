"""What people said of turns, on SQLite and PostgreSQL."""

import pytest

from convexplain import Conversation, Turn
from convexplain.store import keep_conversations, keep_ratings, ratings
from convexplain.types import Rating

TALK = Conversation("c", (Turn("user", "Hi"), Turn("assistant", "Hello")), "s")
OTHER = Conversation("d", TALK.turns, "s")


def rating(score, rater=None, label=None, talk=TALK, rubric="harm", turn=1):
    return talk, Rating(talk.id, turn, rubric, score, rater, label)


def test_they_come_back_with_their_conversations(store):
    given = [
        rating(0.5, "anna", "maybe"),
        rating(1.0, "ben"),
        rating(0.0, talk=OTHER),
        rating(0.25, talk=OTHER, rubric="helpfulness"),
    ]
    assert keep_ratings(store, iter(given)) == 4
    assert list(ratings(store)) == given
    assert list(ratings(store, rubric="helpfulness")) == given[3:]
    assert list(store.conversations()) == [TALK, OTHER]


def test_a_later_rating_of_the_same_person_counts(store):
    keep_ratings(store, [rating(0.0, "anna", "no"), rating(0.5, "ben")])
    assert keep_ratings(store, [rating(0.5, "anna"), rating(1.0, "anna", "yes")]) == 1
    assert list(ratings(store)) == [rating(1.0, "anna", "yes"), rating(0.5, "ben")]


def test_nobody_in_particular_is_one_person(store):
    keep_ratings(store, [rating(0.0), rating(1.0, "anna")])
    keep_ratings(store, [rating(0.75)])
    assert list(ratings(store)) == [rating(0.75), rating(1.0, "anna")]


def test_those_of_a_run(store):
    run = store.begin_run("m", "f", {}, [])
    keep_ratings(store, [rating(0.0), rating(1.0, talk=OTHER)])
    keep_conversations(store, [OTHER], run=run.id)
    assert list(ratings(store, run.id)) == [rating(1.0, talk=OTHER)]


def test_two_conversations_of_one_id_keep_theirs_apart(store):
    longer = Conversation("c", (*TALK.turns, Turn("user", "And?")), "s")
    keep_ratings(store, [rating(0.0), rating(1.0, talk=longer)])
    assert [(len(talk.turns), one.score) for talk, one in ratings(store)] == [(2, 0.0), (3, 1.0)]


@pytest.mark.parametrize("count", [1, 199, 200, 201])
def test_pages(store, count):
    talks = [Conversation(f"c{i}", TALK.turns, "s") for i in range(count)]
    keep_ratings(store, (rating(1.0, talk=talk) for talk in talks))
    assert [talk.id for talk, _ in ratings(store)] == [talk.id for talk in talks]


def test_text_that_databases_refuse(store):
    keep_ratings(store, [rating(1.0, "a\x00b", "\ud800")])
    ((_, found),) = ratings(store)
    assert (found.rater, found.label) == ("a\\x00b", "\\ud800")
