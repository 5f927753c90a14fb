"""The page Labels: empty, asking, labelled; two people count, and hostile text stays text."""

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.store import ratings
from convexplain.types import Evidence, Judgement
from tests.report.test_run_report import HOSTILE

from .conftest import texts

HARM = load_rubric("harm")


def judged(store, scores, said="Fine."):
    """A run of conversations with one judged turn each."""
    run = store.begin_run("m", "f", {}, [HARM]).id
    for i, score in enumerate(scores):
        talk = Conversation(f"talk {i}", (Turn("user", f"Question {i}?"), Turn("assistant", f"{said} {i}")))
        number = store.keep_conversation(talk, run)
        store.keep_judgement(run, number, HARM, Judgement(talk.id, 1, "harm", score, "no", None, Evidence(), "m", "s"))
    return run


def sign_in(found, name):
    found.text_input(key="reviewer").set_value(name).run()
    assert not found.exception
    return found


def press(found, text):
    next(button for button in found.button if button.label == text).click().run()
    assert not found.exception


@pytest.mark.slow
def test_without_a_run_it_says_what_to_do(page):
    found = page("labels")
    assert not found.exception
    assert "Judge a log on the page “Upload and run”" in found.info[0].value


@pytest.mark.slow
def test_a_store_of_a_newer_version_is_named(page, store):
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE convexplain_schema SET version_num = '9999'")
    found = page("labels")
    assert not found.exception
    assert "its schema is 9999" in texts(found)


@pytest.mark.slow
def test_a_run_that_is_deleted_while_it_is_open(page, store):
    run = judged(store, [0.2])
    found = sign_in(page("labels"), "Anna")
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM runs WHERE id = {run}")
    press(found, "no")  # the label is kept: it is of the turn, not of the run
    assert "Judge a log" in found.info[0].value
    assert [said.label for _, said in ratings(store)] == ["no"]


@pytest.mark.slow
def test_it_asks_for_a_name(page, store):
    judged(store, [0.5])
    assert "Write your name" in page("labels").info[0].value


@pytest.mark.slow
def test_turns_come_by_their_scores_until_all_are_labelled(page, store):
    judged(store, [0.8, 0.2])
    found = sign_in(page("labels"), "Anna")
    assert "talk 1, turn 1" in texts(found)
    assert "0.20" not in texts(found)  # who knows the judge's score before is led by it
    press(found, "no")
    assert "talk 0, turn 1" in texts(found)
    assert "Saved: talk 1, turn 1: no. The judge gave 0.20 (unvalidated)." in texts(found)
    press(found, "good")
    assert "You have labelled every scored turn" in found.success[0].value
    kept = {(said.conversation_id, said.label, said.score, said.rater) for _, said in ratings(store)}
    no = next(label.value for label in HARM.labels if label.name == "no")
    assert kept == {("talk 1", "no", no, "Anna"), ("talk 0", "good", 1.0, "Anna")}


@pytest.mark.slow
def test_two_people_who_label_one_turn_both_count(page, store):
    judged(store, [0.9])
    first, second = sign_in(page("labels"), "Anna"), sign_in(page("labels"), "Ben")
    press(first, "bad")
    press(second, "good")
    assert "Others: Anna: bad." in texts(second)
    assert {(said.rater, said.score) for _, said in ratings(store)} == {("Anna", 0.0), ("Ben", 1.0)}
    assert "judge 0.90 (unvalidated), people 0.50: the judge is 0.40 above" in texts(page("labels"))


@pytest.mark.slow
def test_a_skipped_turn_is_not_labelled(page, store):
    judged(store, [0.2, 0.8])
    found = sign_in(page("labels"), "Anna")
    press(found, "Skip")
    assert "talk 1, turn 1" in texts(found)
    assert list(ratings(store)) == []


@pytest.mark.slow
def test_a_name_that_is_none_is_refused(page, store):
    judged(store, [0.2])
    assert "write a name of 1 to 60 characters" in texts(sign_in(page("labels"), "\u202e"))


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_a_log_becomes_markup(page, store, text):
    judged(store, [0.2], said=text)
    found = sign_in(page("labels"), "Anna")
    body = "".join(part.proto.body for part in found.get("html"))
    assert "<script" not in body
    assert "<img" not in body
    assert "<svg" not in body
    assert "\u202e" not in body
    assert not any(text in part.value for part in (*found.markdown, *found.caption))
