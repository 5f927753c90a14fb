"""The pages that people read: empty, full, hostile; what is clicked leads where it says."""

import re
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from convexplain.dashboard.ui import explain_job, pair_export
from convexplain.errors import UsageError
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.parts import Reasoning, Text, ToolCall
from convexplain.store import ScoredTurn, keep_attributions, keep_contrast, name_run, scored_places, scored_turns
from convexplain.store.reviews import reviews
from convexplain.text.visible import one_line, visible
from convexplain.types import ParetoPoint, Unit
from tests.conftest import ROOT
from tests.trust_states import keep_trust

from .conftest import texts
from .sample_stores import HARM, HELPFULNESS, HOSTILE, attribution, contrast, full, hostile, job_state, keep, talk

READING = ("overview", "conversation", "pairs", "compare")


@pytest.fixture
def app(tmp_path, data_folder, monkeypatch):
    """Opens the whole dashboard at a page, with what stands in the address."""
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "store.db"))
    monkeypatch.chdir(tmp_path)

    def open_app(name="overview", **address):
        found = AppTest.from_file(str(ROOT / "dashboard" / "ui" / "app.py"), default_timeout=60)
        found.switch_page(str(ROOT / "dashboard" / "pages" / f"{name}.py"))
        for key, value in address.items():
            found.query_params[key] = value
        return ran(found.run())

    yield open_app
    st.cache_resource.clear()
    st.cache_data.clear()


def ran(found):
    assert [one.message for one in found.exception] == []
    return found


def labelled(widgets, label):
    return next(one for one in widgets if one.label == label)


def press(found, label):
    ran(next(button for button in found.button if label in button.label).click().run())


def test_all_pages_are_in_the_navigation(app):
    assert app().title[0].value == "Overview"
    for name, title in (("upload", "Upload and run"), ("rubrics", "Rubrics"), ("labels", "Labels")):
        assert app(name).title[0].value == title


@pytest.mark.slow
@pytest.mark.parametrize("name", READING)
def test_an_empty_store_says_what_to_do(app, name):
    assert "udge" in app(name).info[0].value


@pytest.mark.slow
@pytest.mark.parametrize("name", READING)
def test_a_run_without_judgements(app, store, name):
    for judge in ("a", "b"):
        store.begin_run(judge, judge, {}, [HARM])
    assert app(name).info


@pytest.mark.slow
@pytest.mark.parametrize("name", READING)
def test_a_store_of_a_newer_version_is_named(app, store, name):
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE convexplain_schema SET version_num = '9999'")
    assert "its schema is 9999" in texts(app(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", READING)
def test_the_run_in_the_address_is_gone(app, store, name):
    full(store)
    found = app(name, run="77")
    if name != "compare":
        assert "There is no run 77" in texts(found)


@pytest.mark.slow
def test_a_run_that_is_deleted_while_it_is_open(app, store):
    one, two = full(store)
    found = app("conversation", run=str(two), conversation="beta", turn="3", rubric="harm")
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM runs WHERE id = {two}")
    ran(found.run())
    assert f"There is no run {two}" in texts(found)
    assert found.query_params["run"] == str(one)


def turns(found):
    """The turns of the overview's list: the scores of its chips, and the parameters of its links."""
    listed = [part.proto for part in found.get("page_link") if "turn=" in part.proto.query_string]
    places = [parse_qs(link.query_string) for link in listed if not link.label.startswith("For example")]
    scores = re.findall(r"cx-soft\"><span class=\"cx-chip[^>]*>([0-9.]+|no score)", bodies(found))
    return scores, [(place["conversation"][0], int(place["turn"][0])) for place in places][-len(scores) :]


def bodies(found):
    return "".join(part.proto.body for part in found.get("html"))


def test_the_numbers_of_the_overview(app, store):
    one, _ = full(store)
    found = app(run=str(one))
    # Harm: 0.9, 0.2, 0.6, 0.4, 0.7 and one unscored; helpfulness, which nobody has validated: 0.5 three times.
    assert [found.button(key=f"figure-{i}").label for i in (0, 1)] == [
        "40.0 % below 0.5: 2 of 5 scores",
        "mean 0.50 of 3 scores",
    ]
    shown = texts(found)
    assert "mean 0.56, benchmarked." in shown
    assert "unvalidated: these scores only sort." in shown
    assert turns(found) == (
        ["0.20", "0.40", "0.60", "0.70", "0.90"],
        [("alpha", 3), ("beta", 3), ("beta", 1), ("gamma", 1), ("alpha", 1)],
    )
    assert "explained: attribution and contrast" in shown


def test_a_click_narrows_the_list_and_no_other_number(app, store):
    one, _ = full(store)
    found = app(run=str(one), rubric="helpfulness")
    ran(found.button(key="figure-0").click().run())
    assert turns(found)[0] == ["0.20", "0.40"]
    assert found.button(key="figure-0").label == "40.0 % below 0.5: 2 of 5 scores"
    assert found.query_params["scores"] == "0..0.5"
    assert found.query_params["rubric"] == "harm"
    assert "1 set: score 0.00 to 0.50" in [text.value for text in found.text]
    press(found, "Clear")
    assert len(turns(found)[0]) == 5
    press(found, "1 unscored")
    assert turns(found) == (["no score"], [("beta", 5)])
    assert found.query_params["list"] == "unscored"


@pytest.mark.parametrize(
    ("address", "scores"),
    [
        ({}, ["0.20", "0.40", "0.60", "0.70", "0.90"]),
        ({"sources": "b.csv"}, ["0.40", "0.60"]),
        ({"bots": ["Robin", "Alex"]}, ["0.20", "0.70", "0.90"]),
        ({"bots": ""}, ["0.40", "0.60"]),  # not named
        ({"since": "2026-01-02"}, ["0.40", "0.60", "0.70"]),
        ({"until": "2026-01-01"}, ["0.20", "0.90"]),
        ({"length": "4..5"}, ["0.20", "0.90"]),
        ({"turns": "2..5"}, ["0.20", "0.40"]),
        ({"scores": "0.4..0.7"}, ["0.40", "0.60"]),
        ({"text": "question 2 of beta"}, ["0.40", "0.60"]),
        ({"sources": "b.csv", "scores": "0..0.5"}, ["0.40"]),
        # What the run does not have, and what is no filter, leaves nothing out.
        ({"sources": "gone.csv", "since": "2031-01-01", "length": "9..3", "turns": "x", "scores": "nan..1"}, None),
        ({"since": "tomorrow", "length": "4", "turns": "0..99", "scores": "-1..2", "page": "zwölf"}, None),
    ],
)
def test_the_address_has_the_filters(app, store, address, scores):
    one, _ = full(store)
    found = app(run=str(one), rubric="harm", **address)
    assert turns(found)[0] == (scores or ["0.20", "0.40", "0.60", "0.70", "0.90"])


@pytest.mark.slow
def test_the_form_writes_its_filters_into_the_address(app, store):
    one, _ = full(store)
    found = app(run=str(one))
    ran(labelled(found.multiselect, "Source").set_value(["b.csv"]).run())
    assert turns(found)[0] == ["0.40", "0.60"]
    assert found.query_params["sources"] == "b.csv"
    assert "1 set: b.csv" in [text.value for text in found.text]
    ran(labelled(found.text_input, "Text in the conversation").set_value("nobody says this").run())
    assert "Remove a filter" in found.info[0].value
    press(found, "Clear")
    assert len(turns(found)[0]) == 5
    assert set(found.query_params) == {"run", "rubric"}
    ran(labelled(found.slider, "Index of the turn").set_value((2, 5)).run())
    assert [turn for _, turn in turns(found)[1]] == [3, 3]
    assert found.query_params["turns"] == "2..5"


@pytest.mark.slow
def test_a_filter_that_is_set_elsewhere_shows_in_the_form(app, store):
    one, _ = full(store)
    found = app(run=str(one), scores="0..0.5", bots="Robin")
    assert labelled(found.multiselect, "Bot").value == ["Robin"]
    ran(labelled(found.multiselect, "Bot").set_value(["Alex"]).run())
    ran(found.button(key="figure-0").click().run())
    assert labelled(found.multiselect, "Bot").value == []
    assert turns(found)[0] == ["0.20", "0.40"]


@pytest.mark.slow
def test_a_chosen_run_keeps_what_filters_still_mean(app, store):
    one, _ = full(store)
    other = store.begin_run("m", "x", {}, [HARM]).id
    keep(store, other, talk("delta", 6, "d.csv"), {3: 0.4})
    found = app(run=str(one))
    ran(labelled(found.multiselect, "Source").set_value(["b.csv"]).run())
    ran(found.run())
    assert turns(found)[0] == ["0.40", "0.60"]
    ran(found.selectbox(key="run-chosen").set_value(str(other)).run())
    assert found.query_params["run"] == str(other)
    assert turns(found)[0] == ["0.40"]


@pytest.mark.slow
def test_many_turns_come_in_pages(app, store):
    run = store.begin_run("m", "f", {}, [HARM]).id
    keep(store, run, talk("long", 21), {2 * i + 1: (i + 1) / 100 for i in range(21)})
    found = app(run=str(run), page="2")
    assert turns(found) == (["0.21"], [("long", 41)])
    assert len(turns(app(run=str(run)))[0]) == 20
    assert turns(app(run=str(run), page="99"))[0] == ["0.21"]  # the last page


@pytest.mark.slow
def test_charts_count_all_turns_whatever_the_list_shows(app, store):
    one, _ = full(store)
    found = app(run=str(one), rubric="harm", scores="0..0.5", by="bot")
    assert len(found.dataframe) == 0  # folded
    found.session_state["distributions"] = True
    ran(found.run())
    groups = found.dataframe[0].value
    assert groups["bot"].tolist() == ["not named", "Robin", "Alex"]  # shares 1/2, 1/2, 0; means 0.50, 0.55
    assert groups["turns"].tolist() == [2, 2, 1]
    assert groups["below"].tolist() == [50, 50, 0]
    assert turns(found)[0] == ["0.20", "0.40"]


@pytest.mark.slow
def test_the_story_of_a_run(app, store):
    run = store.begin_run("judge-a", "judge-a", {}, [HARM]).id
    keep_trust(store, "judge-a", {HARM: "benchmarked"})
    for i in range(12):  # the later half of one bot is bad
        keep(store, run, talk(f"c{i}", 1, bot="Robin" if i % 2 else "Alex", day=1 + i), {1: 0.1 if i % 2 else 0.9})
    found = app(run=str(run))
    shown = texts(found)
    assert "There is no earlier run" in shown or "Nobody can tell" in shown
    assert "Nobody has looked for themes yet" in shown
    where = [found.button(key=f"where-{i}").label for i in (0, 1)]
    assert where[0].startswith("Bot “Robin”\\:\u200b lower on Harm")
    assert "mean 0\\.10 against 0\\.90 elsewhere\\; 100 \\% against 0 \\% below the threshold \\(6 turns\\)" in where[0]
    assert where[1].startswith("Bot “Alex”\\:\u200b higher")
    ran(found.button(key="where-0").click().run())
    assert turns(found)[0] == ["0.10"] * 6
    assert found.query_params["bots"] == "Robin"
    links = [part.proto for part in found.get("page_link")]
    (explain,) = [link for link in links if link.label.startswith("Explain the 3 worst turns")]
    assert "conversation=c1&" in explain.query_string
    assert any(link.label.startswith("Label 20 turns or more") for link in links)


@pytest.mark.slow
def test_links_between_pages_carry_the_run(app, store):
    one, two = full(store)
    found = app(run=str(one), rubric="harm", scores="0..0.5")
    links = {part.proto.label: parse_qs(part.proto.query_string) for part in found.get("page_link")}
    expected = {"run": [str(one)], "rubric": ["harm"]}
    assert links["Themes"] == links["Labels"] == links["Upload and run"] == expected
    assert links["Compare"] == {"first": [str(one)], "second": [str(two)], "rubric": ["harm"]}


def test_links_from_a_page_without_a_run_lead_to_where_a_page_begins(app, store):
    _, two = full(store)
    links = {part.proto.label: parse_qs(part.proto.query_string) for part in app("upload").get("page_link")}
    assert links["Overview"] == {"run": [str(two)], "rubric": ["harm"]}


def test_a_run_with_a_name_is_shown_with_it(app, store):
    one, two = full(store)
    name_run(store, one, "week 1")
    names = labelled(app(run=str(one)).selectbox, "Run").options
    assert [name.partition(" · 20")[0] for name in names] == [f"Run {two} · judge-b", f"Run {one} · week 1 · judge-a"]


def test_the_page_of_rubrics_shows_the_maxim_of_the_address(app):
    found = app("rubrics", rubric="harm")
    assert found.selectbox(key="rubric").value == "harm"
    ran(found.selectbox(key="rubric").set_value("helpfulness").run())
    assert found.query_params["rubric"] == "helpfulness"


def test_a_run_is_retried_and_redacted_on_request(app, store, monkeypatch):
    one, two = full(store)
    started = []
    for name in ("start_retry", "start_redaction"):
        action = lambda database, run, name=name: started.append((name, run)) or 1  # noqa: E731
        monkeypatch.setattr(f"convexplain.dashboard.ui.run_tools.{name}", action)
    found = app("upload")
    found.session_state["run-tools"] = True
    ran(found.run())
    assert "1 judgement of this run has no score. The run’s own judge is asked for them again: 1 call" in texts(found)
    ran(found.button(key="tools-retry").click().run())
    assert found.button(key="tools-redact").disabled
    ran(found.selectbox(key="tools-run").set_value(one).run())
    ran(found.checkbox(key=f"tools-sure-{one}").check().run())
    ran(found.button(key="tools-redact").click().run())
    assert started == [("start_retry", two), ("start_redaction", one)]


def test_a_deep_link_opens_the_turn(app, store):
    one, _ = full(store)
    found = app("conversation", run=str(one), conversation="alpha", turn="3", rubric="harm")
    shown = texts(found)
    assert "Turn 3: because." in shown
    assert "Harm (1 = harmless) 0.20 ▼ · benchmarked" in shown
    assert "What lowers the score most\n" in shown
    assert "Harm (1 = harmless) 0.90" in shown
    assert "lowers the score: 0.36 without it" in shown
    assert "raises the score" in shown
    assert "−0.70" in shown  # a word's contribution
    assert "0.20 → 0.80" in shown
    assert "I looked it up" in shown
    ran(found.segmented_control(key="level").set_value("turn").run())
    assert "−0.80" in texts(found)
    # Log-odds -1.39 + 0.8 + 0.6 without the first, -1.39 - 0.4 + 0.6 without the second, -1.39 + 0.4 without both.
    assert "change each other's effect on the score: 0.50 without the first, 0.23 without the second, 0.27" in texts(
        found
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ({}, "alpha"),  # the lowest score
        ({"conversation": "beta"}, "beta"),
        ({"conversation": "beta", "turn": "x"}, "beta"),
        ({"conversation": "beta", "turn": "999999999999"}, "beta"),
        ({"conversation": "beta", "number": "-1", "turn": "0"}, "beta"),
    ],
)
def test_what_an_address_leaves_open(app, store, address, expected):
    one, _ = full(store)
    found = app("conversation", run=str(one), **address)
    assert found.query_params["conversation"] == expected
    assert found.query_params["turn"] == "3"


@pytest.mark.slow
def test_a_conversation_that_is_not_there(app, store):
    one, _ = full(store)
    found = app("conversation", run=str(one), conversation="nobody")
    assert "no such conversation" in found.error[0].value
    press(found, "Next flagged")
    assert found.query_params["conversation"] == "alpha"


@pytest.mark.slow
def test_the_way_through_flagged_turns(app, store):
    one, _ = full(store)
    found = app("conversation", run=str(one), conversation="alpha", turn="3", rubric="harm")
    assert found.button(key="walk-P").disabled
    press(found, "Next flagged")
    assert (found.query_params["conversation"], found.query_params["turn"]) == ("beta", "3")
    assert found.button(key="walk-N").disabled
    ran(found.button(key="look-5").click().run())
    assert found.query_params["turn"] == "5"
    assert "unscored" in texts(found)


@pytest.mark.slow
def test_two_conversations_of_one_id_are_told_apart(app, store):
    one, _ = full(store)
    other = keep(store, one, talk("alpha", 1, "other.csv"), {1: 0.3})
    found = app("conversation", run=str(one), conversation="alpha", number=str(other))
    assert "2 conversations of this run have this id; this one is from other.csv" in texts(found)


@pytest.mark.slow
def test_reasoning_is_folded_before_its_turn(app, store):
    run = store.begin_run("m", "f", {}, [HARM]).id
    thinking = talk("thinking", 1)
    parts = (Reasoning("hm <b>"), Text("Soon."), ToolCall("f", "{}", "c1"))
    turns = (thinking.turns[0], type(thinking.turns[1]).of_parts("assistant", parts))
    keep(store, run, type(thinking)("thinking", turns), {1: 0.3})
    shown = texts(app("conversation", run=str(run), conversation="thinking"))
    assert "Reasoning (no part of the answer)\n\nhm <b>\n" in shown
    assert "Soon." in shown
    assert "Calls the tool f\n\n\n{}" in shown


@pytest.mark.slow
def test_long_turns_are_shown_in_parts(app, store):
    run = store.begin_run("m", "f", {}, [HARM]).id
    long = talk("long", 1)
    turns = (long.turns[0], type(long.turns[1])("assistant", "y" * 9000))
    keep(store, run, type(long)("long", turns), {1: 0.3})
    found = app("conversation", run=str(run), conversation="long")
    assert "y" * 3000 + "\n\n …" in texts(found)
    assert texts(found).count("y" * 9000) == 1  # in the judge's prompt
    press(found, "Show more of turn 1 (6,000 more characters)")
    assert texts(found).count("y" * 9000) == 2


def number(store, run, conversation):
    """The conversation's number in the store."""
    (place,) = scored_places(store, run, HARM, place=(conversation, 3))
    (turn,) = scored_turns(store, HARM, [place])
    return turn.number


def test_a_turn_is_explained_by_a_job(app, store, monkeypatch):
    one, _ = full(store)
    asked = []

    def start(database, run, *what):
        asked.append((run, *what))
        return 1

    status = ["running"]
    monkeypatch.setattr(explain_job, "start_explain", start)
    monkeypatch.setattr(explain_job, "job_state", lambda *_: job_state(status[0], progress={"calls": 4}, error="gone"))
    found = app("conversation", run=str(one), conversation="beta", turn="3", rubric="harm")
    press(found, "Explain this turn")
    assert asked == [(one, "beta", 3, "harm", None, number(store, one, "beta"))]
    assert "Looking for the words and turns that matter … 4 calls" in texts(found)
    status[0] = "failed"
    ran(found.run())
    assert "The turn was not explained" in texts(found)
    assert "Explain this turn" in [button.label for button in found.button]


@pytest.mark.slow
def test_which_edit_is_looked_for_can_be_chosen(app, store, monkeypatch):
    one, _ = full(store)
    asked = []
    monkeypatch.setattr(explain_job, "start_explain", lambda _, *what: asked.append(what) or 1)
    monkeypatch.setattr(explain_job, "job_state", lambda *_: job_state("done"))
    found = app("conversation", run=str(one), conversation="beta", turn="3", rubric="harm")
    press(found, "Search for an edit")
    place, goal = (
        part for part in found.segmented_control if part.label in ("What may be edited", "How the score should change")
    )
    place.set_value("Turns before it")
    ran(goal.set_value("worsen").run())
    ran(next(part for part in found.number_input if part.label == "By at least").set_value(0.3).run())
    press(found, "Search for an edit")
    beta = number(store, one, "beta")
    assert asked == [
        (one, "beta", 3, "harm", ContrastSettings(question="revise"), beta),
        (one, "beta", 3, "harm", ContrastSettings("worsen", 0.3, question="rescore"), beta),
    ]


@pytest.mark.slow
def test_how_an_edit_is_looked_for_can_be_chosen(app, store, monkeypatch):
    one, _ = full(store)
    asked = []
    monkeypatch.setattr(explain_job, "start_explain", lambda _, *what: asked.append(what[4]) or 1)
    monkeypatch.setattr(explain_job, "job_state", lambda *_: job_state("done"))
    page = app("conversation", run=str(one), conversation="beta", turn="3", rubric="harm")
    assert "Alpha" not in [part.label for part in page.number_input]  # of one search only
    ran(labelled(page.selectbox, "Search").set_value("cell_budget").run())
    ran(labelled(page.selectbox, "Which edit is the smallest").set_value("rouge").run())
    ran(labelled(page.number_input, "Alpha").set_value(0.2).run())
    press(page, "Search for an edit")
    ran(labelled(page.number_input, "Radius").set_value(5).run())
    press(page, "Search for an edit")
    options = {"question": "revise", "search": "cell_budget", "similarity": "rouge", "alpha": 0.2}
    assert asked == [ContrastSettings(**options), ContrastSettings(**options, radius=5)]


@pytest.mark.slow
def test_how_a_turn_is_attributed_can_be_chosen(app, store, monkeypatch):
    one, _ = full(store)
    asked = []
    monkeypatch.setattr(explain_job, "start_explain", lambda _, *what, **settings: asked.append((what, settings)) or 1)
    monkeypatch.setattr(explain_job, "job_state", lambda *_: job_state("done"))
    page = app("conversation", run=str(one), conversation="beta", turn="3", rubric="harm")
    ran(labelled(page.selectbox, "Method").set_value("surrogate").run())
    ran(labelled(page.checkbox, "One ranking").check().run())
    ran(labelled(page.text_input, "Only this part of the reply").set_value("no such words").run())
    assert "target='no such words' is not valid: the reply does not contain it" in texts(page)
    assert "Explain with these settings" not in [button.label for button in page.button]
    ran(labelled(page.text_input, "Only this part of the reply").set_value(" of beta ").run())
    press(page, "Explain with these settings")
    settings = AttributionSettings("surrogate", mixed=True, target="of beta")
    place = (one, "beta", 3, "harm", None, number(store, one, "beta"))
    assert asked == [(place, {"attribution": settings})]


@pytest.mark.slow
def test_a_part_of_the_reply_is_shown_on_its_own(app, store):
    """The part has the score 0.27 (log-odds -1); without the first turn its log-odds are 1, the score 0.73."""
    one, _ = full(store)
    (place,) = scored_turns(store, HARM, scored_places(store, one, HARM, place=("alpha", 3)))
    of_part = attribution(replace(place, score=0.27), "turn", [Unit(0, 0, 5, "turn")], [-2.0])
    keep_attributions(store, one, place, "part", [replace(of_part, full=-1.0, target="of alpha.")])
    shown = texts(app("conversation", run=str(one), conversation="alpha", turn="3", rubric="harm"))
    assert "“of alpha.”: 0.27 where it is judged alone, in the reply's place; clime, 8 calls" in shown
    assert "turn 0, user: “Quest” lowers it (0.73 without)" in shown


@pytest.mark.slow
def test_a_job_that_cannot_be_started(app, store, monkeypatch):
    one, _ = full(store)

    def start(*_, **__):
        raise UsageError("job 3 does the same and is running")

    monkeypatch.setattr(explain_job, "start_explain", start)
    found = app("conversation", run=str(one), conversation="beta", turn="3", rubric="harm")
    press(found, "Search for an edit")
    assert "job 3 does the same" in texts(found)


def test_pairs_are_reviewed(app, store):
    one, _ = full(store)
    found = app("pairs", run=str(one))
    assert "0.20 → 0.80 (+0.60), 4 words changed" in texts(found)
    press(found, "Accept")
    assert "Write your name first" in texts(found)
    ran(found.text_input(key="reviewer").set_value("Anna").run())
    press(found, "Accept")
    (kept,) = reviews(store, one).values()
    assert (kept.reviewer, kept.decision) == ("Anna", "accept")
    assert "Accepted by Anna." in texts(found)
    found.text_area[0].set_value("My words.")
    press(found, "Save my words")
    (kept,) = reviews(store, one).values()
    assert (kept.decision, kept.text) == ("fix", "My words.")
    ran(found.segmented_control(key="pairs-reviewed-1").set_value(["open"]).run())
    assert "No contrast matches the filters" in found.info[0].value


def test_an_edit_is_listed_once_with_its_gates_and_both_turns(app, store):
    run = store.begin_run("m", "f", {}, [HARM, HELPFULNESS]).id
    for rubric, after in ((HARM, 0.8), (HELPFULNESS, 0.6)):
        number = keep(store, run, talk("alpha", 2), {3: 0.2}, rubric)
        scored = ScoredTurn(number, talk("alpha", 2), 3, rubric, 0.2)
        proof = {"naturalness": -0.5, "fresh_draws": 5, "fresh_held": 5, "score_again": after - 0.1}
        keep_contrast(store, run, scored, "s", replace(contrast(scored, 1, "I looked it up.", score=after), **proof))
    shown = app("pairs", run=str(run))
    (table,) = [frame.value for frame in shown.dataframe]
    assert table["maxims"].tolist() == ["harm, helpfulness"]
    assert "1 edit;" in shown.caption[0].value
    for words in (
        "0.20 → 0.80 (+0.60)",
        "After the edit, the mean of 5 fresh measurements is 0.70.",
        "The noise of the judge was not measured.",
        "turn 1, assistant, edited",
        "The judged turn 3 has the same words; only its score changes:",
        "3 · assistant · judged",
        "3 of 5 gates passed",  # the edited text drops the number 0, which question and answer have in common
        "✗ not passed: the facts are kept",
        "✓ passed: fresh measurements do not contradict it (5 of 5)",
        "· known at the export: the margin goes beyond the noise of the judge (noise of the judge 0.10, assumed)",
    ):
        assert words in texts(shown), words
    ran(shown.text_input(key="reviewer").set_value("Anna").run())
    press(shown, "Accept")
    assert [review.decision for review in reviews(store, run).values()] == ["accept", "accept"]


@pytest.mark.parametrize("page", ["pairs", "conversation"])
@pytest.mark.parametrize("success", [True, False])
def test_the_text_of_a_search_that_found_nothing_is_not_shown(app, store, page, success):
    run = store.begin_run("m", "f", {}, [HARM]).id
    number = keep(store, run, talk("alpha", 2), {3: 0.2})
    scored = ScoredTurn(number, talk("alpha", 2), 3, HARM, 0.2)
    proof = {"fresh_draws": 5, "fresh_held": 5} if success else {}
    salad = replace(contrast(scored, 1, "XL leather salad", success, 0.8 if success else 0.4), **proof)
    keep_contrast(store, run, scored, "s", salad)
    found = app(page, run=str(run), conversation="alpha", turn="3", rubric="harm")
    if page == "pairs" and not success:
        ran(found.toggle(key="pairs-failed-1").set_value(False).run())
    line = "eld in 5 of 5 fresh measurements" if success else "No edit moved the score from 0.20 to 0.55"
    assert ("salad" in texts(found), line in texts(found)) == (success, True)
    if page == "conversation" and success:
        before, _, folded = bodies(found).partition("How this was computed")
        assert ("An edit that lifts the score" in before, "texts by" in before, "texts by" in folded) == (
            True,
            False,
            True,
        )


@pytest.mark.parametrize("page", ["pairs", "conversation"])
def test_edits_that_trade_one_maxim_for_another_are_listed(app, store, page):
    run = store.begin_run("m", "f", {}, [HARM]).id
    number = keep(store, run, talk("alpha", 2), {3: 0.2})
    scored = ScoredTurn(number, talk("alpha", 2), 3, HARM, 0.2)
    points = (
        ParetoPoint(((1, "Bold answer."),), {"harm": 0.7, "manner_1": 0.4}, 4, "x"),
        ParetoPoint(((1, "Mild answer."),), {"harm": 0.3, "manner_1": 0.9}, 4, "x"),
    )
    fields = {"kept_scores": {"manner_1": (0.8, None)}, "conflicts": {"manner_1": 2}, "pareto": points}
    keep_contrast(store, run, scored, "s", replace(contrast(scored, 1, "XL leather salad", False, 0.4), **fields))
    shown = app(page, run=str(run), conversation="alpha", turn="3", rubric="harm")
    if page == "pairs":
        ran(shown.toggle(key="pairs-failed-1").set_value(False).run())
    for words in (
        "edits that went that far lowered manner_1 (2 edits)",
        "2 edits to choose from; none is better than another on every count (harm, manner_1, fewer changed words):",
        "1. harm 0.20 → 0.70, manner_1 0.80 → 0.40, 4 words changed",
        "2. harm 0.20 → 0.30, manner_1 0.80 → 0.90, 4 words changed",
        "Mild",
    ):
        assert words in texts(shown), words
    assert "salad" not in texts(shown)


def test_a_search_may_keep_the_other_maxims_of_the_run(app, store, monkeypatch):
    run = store.begin_run("m", "f", {}, [HARM, HELPFULNESS]).id
    for rubric in (HARM, HELPFULNESS):
        keep(store, run, talk("alpha", 2), {3: 0.2}, rubric)
    asked = []
    monkeypatch.setattr(explain_job, "start_explain", lambda *given: asked.append(given[5]) or 1)
    monkeypatch.setattr(explain_job, "job_state", lambda *_: job_state("running"))
    page = app("conversation", run=str(run), conversation="alpha", turn="3", rubric="harm")
    (field,) = [field for field in page.multiselect if field.label == "Without lowering"]
    assert field.options == ["helpfulness"]
    ran(field.set_value(["helpfulness"]).run())
    press(page, "Search for an edit")
    assert asked == [ContrastSettings("cross", None, question="revise", keep=("helpfulness",))]


@pytest.mark.slow
def test_a_run_without_contrasts(app, store):
    _, two = full(store)
    assert "Nobody has searched for contrasts" in app("pairs", run=str(two)).info[0].value


@pytest.mark.slow
def test_pairs_are_exported_by_a_job(app, store, monkeypatch, tmp_path):
    one, _ = full(store)
    status, asked = ["running"], []
    result = {"folder": str(tmp_path / "out")}
    monkeypatch.setattr(pair_export, "start_export", lambda *given: asked.append(given[1:]) or 1)
    monkeypatch.setattr(
        pair_export,
        "job_state",
        lambda *_: job_state(status[0], result=result, progress={"notes": ["left out 1 x: why"]}),
    )
    found = app("pairs", run=str(one))
    press(found, "Export")
    assert asked == [(one, "trl-dpo", 0.0, 0.0, False)]
    assert "Exporting" in texts(found)
    status[0] = "failed"
    ran(found.run())
    assert "left out 1 x: why" in texts(found)
    (tmp_path / "out").mkdir()
    status[0] = "done"
    ran(found.run())
    assert found.get("download_button")


def test_two_runs_are_compared(app, store):
    one, two = full(store)
    found = app("compare", rubric="harm", first=str(one), second=str(two))
    shown = texts(found)
    assert "Both runs judged the same texts, so neither is better" in shown
    assert "only 3 conversations; 5 are needed" in shown
    assert "0 fell, 4 rose" in shown
    assert "+0.18" in shown  # 0.1 (cut at 1) and four of 0.2
    assert "0.56 → 0.74" in shown
    assert "1 ▲" in shown
    assert "0 ▼" in shown
    assert "5 turns of 3 conversations, scored in both runs; 1 more are unscored in at least one run" in shown
    turns = [button for button in found.button if button.key.startswith("c-turn-")]
    assert len(turns) == 4
    assert "The texts are the same." in shown
    # none fell, so that those that rose are listed; the first of them is shown
    assert turns[0].label.startswith("**▸ 0.60 → 0.80")
    ran(turns[1].click().run())
    ran(next(button for button in found.button if button.key == "c-turn-harm-2-1").click().run())
    address = {name: found.query_params[name] for name in ("first", "second", "rubric", "number", "turn")}
    assert address == {"first": str(one), "second": str(two), "rubric": "harm", "number": "2", "turn": "1"}
    assert "beta, turn 1 · harm +0.20" in texts(found)
    ran(found.segmented_control(key="c-moved").set_value("fell").run())
    assert not [button for button in found.button if button.key.startswith("c-turn-")]
    assert "number" not in found.query_params


def test_a_link_opens_a_turn_of_a_comparison(app, store):
    one, two = full(store)
    address = {"first": str(one), "second": str(two), "rubric": "harm"}
    shown = texts(app("compare", **address, number="1", turn="1", moved="fell"))
    assert "alpha, turn 1 · harm +0.10" in shown  # which moved by no more than the noise
    assert "have not both scored the turn" in texts(app("compare", **address, number="1", turn="99"))


def test_a_link_to_a_turn_without_a_score_says_why_it_has_none(app, store):
    one, two = (store.begin_run("m", mark, {}, [HARM]).id for mark in "xy")
    keep(store, one, talk("alpha", 2), {1: 0.9, 3: 0.5})
    keep(store, two, talk("alpha", 2), {1: None, 3: 0.5}, reason="the model refused")
    shown = texts(app("compare", rubric="harm", first=str(one), second=str(two), number="1", turn="1"))
    assert f"unscored in run {two} on harm." in shown
    assert "No score, because: the model refused" in shown
    assert "0.90" in shown
    assert "−0.90" not in shown


@pytest.mark.slow
def test_what_cannot_be_compared(app, store):
    one, two = full(store)
    assert "same run" in app("compare", first=str(one), second=str(one)).info[0].value
    lone = store.begin_run("m", "z", {}, [HARM]).id
    assert "no maxim in common" in app("compare", first=str(two), second=str(lone)).info[0].value


def test_runs_over_other_conversations_are_compared_by_their_averages(app, store):
    one, _ = full(store)
    keep(store, store.begin_run("m", "z", {}, [HARM]).id, talk("zeta", 1), {1: 0.25})
    shown = texts(app("compare", rubric="harm", first=str(one), second="3"))
    assert "only their averages are compared" in shown
    assert "→ 0.25" in shown


@pytest.mark.slow
@pytest.mark.parametrize("name", READING)
def test_hostile_text_is_never_markdown(app, store, name):
    run = hostile(store)
    hostile(store)
    found = app(name, run=str(run), conversation="all", turn="8")
    said = [
        one.value for kind in ("markdown", "caption", "info", "error", "header", "title") for one in found.get(kind)
    ]
    labels = [button.label for button in found.button]
    assert not [one for one in (*said, *labels) if "evil" in one or "hit" in one]


@pytest.mark.slow
def test_hostile_turns_are_escaped(app, store):
    run = hostile(store)
    found = app("conversation", run=str(run), conversation="all", turn="8")
    ran(found.toggle(key="whole").set_value(True).run())
    bodies = "".join(part.proto.body for part in found.get("html"))
    assert "<script" not in bodies
    assert "<img" not in bodies
    shown = one_line(texts(found))
    for text in HOSTILE:
        assert one_line(visible(text)[:2000]) in shown


@pytest.mark.slow
def test_where_people_have_to_sign_in_nobody_sees_a_page_without_a_session(app, store, monkeypatch):
    full(store)
    monkeypatch.setenv("CONVEXPLAIN_DASHBOARD_PASSWORD", "correct horse")
    found = app("conversation", conversation="alpha")  # no gate is in front of it
    assert [title.value for title in found.title] == ["convexplain"]
    assert "alpha" not in texts(found)
    assert "Your session has ended. Reload the page to sign in again." in found.error[0].value
