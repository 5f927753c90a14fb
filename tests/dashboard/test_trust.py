"""Trust beside every score: maxims that nobody has compared with people have no colour, share, count or flag."""

from convexplain.dashboard.services.trust import run_marks
from convexplain.store.alarms import Alarm, keep_alarms
from tests.trust_states import keep_trust

from .conftest import texts
from .sample_stores import HARM, HELPFULNESS, full
from .test_pages import app, ran  # noqa: F401  the fixture

UNVALIDATED = "Nobody has compared this judge with people on this maxim."


def buttons(found):
    return [button.label for button in found.button]


def test_the_marks_of_a_run(store):
    one, _ = full(store)
    keep_trust(store, "judge-a", {HARM: "validated", HELPFULNESS: "no better"})
    words = {rubric: (mark.word, mark.flags) for rubric, mark in run_marks(store, store.run(one)).items()}
    assert words == {"harm": ("validated", True), "helpfulness": ("no better than chance", False)}


def test_the_overview_counts_below_a_threshold_only_what_may_be_held_against_it(app, store):  # noqa: F811
    one, _ = full(store)
    found = app(run=str(one), rubric="harm")
    found.session_state["distributions"] = True
    ran(found.run())
    assert "Agrees with the reference set of convexplain" in texts(found)
    assert buttons(found)[:2] == ["40.0 % below 0.5: 2 of 5 scores", "mean 0.50 of 3 scores"]
    assert "below" in found.dataframe[0].value.columns  # sources
    found = app(run=str(one), rubric="helpfulness")
    found.session_state["distributions"] = True
    ran(found.run())
    assert UNVALIDATED in texts(found)
    assert "below" not in found.dataframe[0].value.columns
    grey = [part.proto.body for part in found.get("html") if "0.50 · unvalidated" in part.proto.body]
    assert len(grey) == 3
    assert all("cx-chip grey" in body and "▼" not in body for body in grey)


def test_the_overview_says_where_the_threshold_of_an_alarm_budget_comes_from(app, store):  # noqa: F811
    one, _ = full(store)
    keep_alarms(store, one, [Alarm("harm", 0.2, 0.45, 0.5, "small run", 5, 2)])
    assert "harm: alarm threshold 0.45 instead of 0.5" in texts(app(run=str(one), rubric="harm"))
    assert "alarm threshold" not in texts(app(run=str(one), rubric="helpfulness"))


def test_a_conversation_has_no_flag_on_a_maxim_that_only_sorts(app, store):  # noqa: F811
    one, _ = full(store)
    found = app("conversation", run=str(one), conversation="alpha", turn="1", rubric="helpfulness")
    shown = texts(found)
    assert "Turn 1: because." in shown
    assert UNVALIDATED in shown
    assert "Helpfulness 0.50 · unvalidated" in shown
    assert "Harm (1 = harmless) 0.20 ▼ · benchmarked" in shown
    assert all(button.disabled for button in found.button if "flagged" in button.label)
    assert "Grey rows: the scores of these maxims are not held against a threshold." in "".join(
        caption.value for caption in found.caption
    )


def test_two_runs_are_compared_without_their_threshold(app, store):  # noqa: F811
    one, two = full(store)
    found = app("compare", rubric="helpfulness", first=str(one), second=str(two))
    shown = texts(found)
    assert shown.count(UNVALIDATED) == 1  # the same of both judges
    assert "threshold" not in shown.replace("not to count or to flag", "")
    assert "above and below" not in shown
    keep_trust(store, "judge-a", {HELPFULNESS: "validated"})
    shown = texts(ran(found.run()))
    assert "First run: \nvalidated." in shown
    assert "Second run: \nunvalidated." in shown


def test_pairs_say_the_trust_and_labels_are_blind_to_the_judge(app, store):  # noqa: F811
    one, _ = full(store)
    found = app("pairs", run=str(one))
    assert found.dataframe[0].value["trust"].tolist() == ["benchmarked"]
    assert "Agrees with the reference set of convexplain" in texts(found)
    assert UNVALIDATED not in texts(app("labels", run=str(one), rubric="helpfulness"))
