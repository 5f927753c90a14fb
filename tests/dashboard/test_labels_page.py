"""The page Labels: turns one by one and their labels, blind; second raters; and hostile text stays text."""

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.dashboard.services.labelling import open_desk
from convexplain.store import keep_ratings, ratings
from convexplain.types import Evidence, Judgement, Rating
from convexplain.workspace import AnalyzedRun, Workspace
from tests.report.test_run_report import HOSTILE
from tests.theme_store import HELPFULNESS, two_modes

from .conftest import texts

HARM = load_rubric("harm")


def chat(i, reply="Fine."):
    return Conversation(f"talk {i}", (Turn("user", f"Question {i}?"), Turn("assistant", f"{reply} {i}")))


def judged(store, scores, reply="Fine."):
    """A run of conversations with one judged turn each."""
    run = store.begin_run("m", "f", {}, [HARM]).id
    for i, score in enumerate(scores):
        number = store.keep_conversation(chat(i, reply), run)
        judgement = Judgement(f"talk {i}", 1, "harm", score, "no", "It is cold.", Evidence(), "m", "s")
        store.keep_judgement(run, number, HARM, judgement)
    return run


def rate(store, *labels):
    """Keep labels: number of the conversation, person, label."""
    rated = [(chat(i), Rating(f"talk {i}", 1, "harm", float(label == "yes"), name, label)) for i, name, label in labels]
    keep_ratings(store, rated)


def kept(store):
    return {(rating.conversation_id, rating.rater, rating.label) for _, rating in ratings(store)}


def desk(store, run, name="Anna", *, second=False):
    mark = AnalyzedRun(store, store.run(run)).marks["harm"]
    return open_desk(store, store.run(run), HARM, mark, name, second=second)


def shown(table):
    turn = table.current()
    return None if turn is None else turn.judged.conversation.id


def test_labels_lead_on_and_undo_leads_back(store):
    table = desk(store, judged(store, [0.9, 0.1, 0.5]))
    first = shown(table)
    table.label("no")
    second = shown(table)
    table.label("yes")
    assert kept(store) == {(first, "Anna", "no"), (second, "Anna", "yes")}
    table.undo()
    assert (shown(table), kept(store)) == (second, {(first, "Anna", "no")})
    table.move(-1)
    table.label("yes")  # another label of the first turn
    table.undo()
    assert (shown(table), kept(store)) == (first, {(first, "Anna", "no")})
    table.undo()
    assert kept(store) == set()
    assert table.changes == []


def test_the_score_is_told_after_the_label_only(store):
    table = desk(store, judged(store, [0.25]))
    shown(table)
    assert table.outcome() == ""
    table.label("yes")
    assert shown(table) is None
    assert table.outcome() == (
        "talk 0, turn 1: you said yes. The judge gave “no”, 0.25 (unvalidated). It came by chance. Its reason: It is "
        "cold."
    )
    table.move(-1)
    assert table.outcome().startswith("talk 0, turn 1: you said yes.")


def test_a_note_waits_for_its_label_and_stays_with_the_next_one(store):
    table = desk(store, judged(store, [0.25]))
    shown(table)
    table.write_note("names no time")
    assert (table.note(), kept(store)) == ("names no time", set())
    table.label("no")
    table.move(-1)
    table.label("yes")
    ((_, rating),) = ratings(store)
    assert (rating.label, rating.note) == ("yes", "names no time")
    table.move(-1)
    table.write_note("")
    ((_, rating),) = ratings(store)
    assert (rating.label, rating.note) == ("yes", None)


def test_undo_keeps_the_note(store):
    table = desk(store, judged(store, [0.25]))
    shown(table)
    table.write_note("names no time")
    table.label("no")
    table.undo()
    assert (table.note(), kept(store)) == ("names no time", set())
    table.label("yes")
    table.move(-1)
    table.label("no")
    table.move(-1)
    table.write_note("names no day")
    table.undo()  # the label is “yes” again
    ((_, rating),) = ratings(store)
    assert (rating.label, rating.note, table.note()) == ("yes", "names no day", "names no day")
    table.write_note("")
    table.undo()
    assert (table.note(), kept(store)) == ("", set())


def test_a_second_rater_sees_other_labels_after_the_own_one(store):
    run = judged(store, [0.25, 0.5])
    rate(store, (1, "Ben", "yes"))
    table = desk(store, run, second=True)
    assert shown(table) == "talk 1"
    table.label("no")
    assert shown(table) is None
    assert "Other people: Ben: yes. It came because another person has labelled it." in table.outcome()
    assert table.progress().raters.n == 1


def test_the_shown_turn_goes_into_a_theme(store):
    run, _ = two_modes(store)
    Workspace(store).themes(run)
    mark = AnalyzedRun(store, store.run(run)).marks["helpfulness"]
    table = open_desk(store, store.run(run), HELPFULNESS, mark, "Anna", second=False)
    while not table.current().judged.conversation.id.startswith("good"):
        table.move(1)
    assert table.theme() is None
    first, second = table.themes()
    Workspace(store).pin_theme(second)
    assert list(table.themes()) == [second, first]  # the pinned one comes first
    assert table.add_to_theme(second) == ""
    assert table.theme() is None  # that it is in a theme says that the judge found it bad
    table.label(HELPFULNESS.labels[0].name)
    table.move(-1)
    assert table.theme() == second
    assert "there is no theme 99" in table.add_to_theme(99)


def press(page, text):
    next(button for button in page.button if button.label == text).click().run()
    assert not page.exception


def signed_in(page, name="Anna"):
    page.text_input(key="reviewer").set_value(name).run()
    assert not page.exception
    return page


@pytest.mark.slow
def test_without_a_run_it_says_what_to_do(page):
    labels = page("labels")
    assert not labels.exception
    assert "Judge a log on the page “Upload and run”" in labels.info[0].value


@pytest.mark.slow
def test_a_store_of_a_newer_version_is_named(page, store):
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE convexplain_schema SET version_num = '9999'")
    labels = page("labels")
    assert not labels.exception
    assert "its schema is 9999" in texts(labels)


@pytest.mark.slow
def test_it_asks_for_a_name_and_takes_another_one(page, store):
    judged(store, [0.5])
    labels = page("labels")
    assert "Write your name" in labels.info[0].value
    signed_in(labels, "\u202e")
    assert "write a name of 1 to 60 characters" in texts(labels)
    signed_in(labels, "Anna")
    assert [text.value for text in labels.text] == ["You label as Anna"]
    press(labels, "Change the name")
    assert "Write your name" in labels.info[0].value


@pytest.mark.slow
def test_turns_come_blind_until_all_are_labelled(page, store):
    judged(store, [0.8, 0.2])
    labels = signed_in(page("labels"))
    text = texts(labels)
    assert "0.20" not in text  # who knows the judge's score before is led by it
    assert "0.80" not in text
    assert "It came" not in text
    press(labels, "no")
    press(labels, "yes")
    assert "Every scored turn of this run has a label" in labels.success[0].value
    assert {label for _, _, label in kept(store)} == {"no", "yes"}
    press(labels, "Undo")
    assert len(kept(store)) == 1
    assert not labels.success


@pytest.mark.slow
def test_a_skipped_turn_is_not_labelled_and_back_shows_it(page, store):
    judged(store, [0.2, 0.8])
    labels = signed_in(page("labels"))
    first = texts(labels)
    press(labels, "Skip")
    assert texts(labels) != first
    press(labels, "Back")
    assert texts(labels) == first
    assert kept(store) == set()


@pytest.mark.slow
def test_judge_and_people_are_compared_and_the_judge_is_validated(page, store):
    judged(store, [0.05 + i / 100 for i in range(10)] + [0.8 + i / 100 for i in range(10)])
    rate(store, *((i, "Ben", "yes" if i >= 10 else "no") for i in range(19)))
    labels = page("labels")
    labels.query_params["view"] = "people"
    labels.run()
    assert "Judge 0.80 (unvalidated), people 1.00: the judge is 0.20 lower" in texts(labels)
    assert not any("Validate" in button.label for button in labels.button)  # one good turn is missing
    rate(store, (19, "Ben", "yes"))
    labels.run()
    press(labels, "Validate the judge by these labels")
    # Every good turn is above every bad one; turns below 0.5 are the bad ones.
    assert "Judge 0.80 (validated)" in texts(labels)


@pytest.mark.slow
def test_a_run_that_is_deleted_while_it_is_open(page, store):
    run = judged(store, [0.2])
    labels = signed_in(page("labels"))
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM runs WHERE id = {run}")
    press(labels, "no")  # the label is kept: it is of the turn, not of the run
    assert kept(store) == {("talk 0", "Anna", "no")}


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_a_log_becomes_markup(page, store, text):
    judged(store, [0.2], reply=text)
    labels = signed_in(page("labels"))
    body = "".join(part.proto.body for part in labels.get("html"))
    assert "<script" not in body
    assert "<img" not in body
    assert "<svg" not in body
    assert "\u202e" not in body
    assert not any(text in part.value for part in (*labels.markdown, *labels.caption))
