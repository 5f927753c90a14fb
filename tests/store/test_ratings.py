"""What people said of turns, on SQLite and PostgreSQL."""

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.store import (
    keep_conversations,
    keep_ratings,
    rated_turns,
    ratings,
    turn_ratings,
)
from convexplain.types import Evidence, Judgement, Rating

HARM = load_rubric("harm")

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


def test_a_note_stays_with_its_rating_until_that_is_replaced(store):
    noted = Rating("c", 1, "harm", 0.0, "anna", "no", "names no time,\nand asks again")
    keep_ratings(store, [(TALK, noted)])
    assert list(ratings(store)) == [(TALK, noted)]
    ((number, _),) = store.numbered_conversations(None)
    assert turn_ratings(store, number, 1, "harm") == (noted,)
    keep_ratings(store, [rating(0.5, "anna")])
    assert list(ratings(store)) == [rating(0.5, "anna")]


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


@pytest.fixture
def judged(store):
    """A run: the turns of TALK and OTHER have the scores 0.9 and 0.2 on harm."""
    run = store.begin_run("m", "f", {}, [HARM]).id
    for talk, score in ((TALK, 0.9), (OTHER, 0.2)):
        number = store.keep_conversation(talk, run)
        store.keep_judgement(run, number, HARM, Judgement(talk.id, 1, "harm", score, "no", None, Evidence(), "m", "s"))
    return run


def test_judge_and_people_furthest_apart_come_first(store, judged):
    keep_ratings(store, [rating(1.0, "anna", "yes"), rating(0.5, "ben"), rating(1.0, "anna", talk=OTHER)])
    keep_ratings(store, [rating(0.0, "anna", rubric="helpfulness")])
    first, second = rated_turns(store, judged, HARM, 10)
    assert (first.conversation, first.score, first.human) == (OTHER, 0.2, 1.0)  # 0.8 apart
    assert (second.conversation, second.score, second.human) == (TALK, 0.9, 0.75)  # two people, 0.15 apart
    assert [said.rater for said in second.ratings] == ["anna", "ben"]
    assert second.ratings == turn_ratings(store, second.number, 1, "harm")
    assert rated_turns(store, judged, HARM, 1) == [first]
