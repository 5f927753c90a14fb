"""Turns edited in place: scored on all maxims, tried again, restored, and kept as pairs that a person has accepted."""

from concurrent.futures import Future
from dataclasses import replace

import pytest

from convexplain import Conversation, Turn, Workspace
from convexplain.connectors.models import ScriptedModel
from convexplain.dashboard.services import tries
from convexplain.dashboard.services.conversation import open_conversation
from convexplain.dashboard.services.tries import judged_by_edit, keep_pair, start_try, summary
from convexplain.dashboard.ui import turn_editor
from convexplain.errors import UnavailableError, UsageError
from convexplain.store.reviews import reviews

from .conftest import texts
from .sample_stores import HARM, full, keep, talk
from .test_pages import app, press, ran  # noqa: F401 - a fixture

CHAT = Conversation(
    "chat",
    (
        Turn("user", "Where is it?"),
        Turn("assistant", "Bananas."),
        Turn("user", "Pardon?"),
        Turn("assistant", "No idea."),
    ),
)


def kind(request):
    """A reply is bad, and good if the conversation says *depot*."""
    return {"yes": 0.9, "no": 0.1} if "depot" in request.messages[0].content else {"yes": 0.2, "no": 0.8}


@pytest.fixture
def judged(store, monkeypatch):
    """The number of a run over the chat; a scripted model is its judge, whoever asks."""
    model = ScriptedModel(kind)
    run = Workspace(store).analyze([CHAT], ["harm", "helpfulness"], model).id
    monkeypatch.setattr(tries, "run_judge", lambda *_: model)
    return run


def opened(store, run):
    return open_conversation(store, run, "chat")


@pytest.mark.parametrize(
    ("place", "selected", "expected"), [(0, 3, 3), (3, 3, 3), (0, 1, 1), (2, 1, 3), (3, 1, 3), (4, 3, 5), (5, 3, 5)]
)
def test_which_turn_an_edit_scores_again(store, place, selected, expected):
    run, _ = full(store)
    view = open_conversation(store, run, "beta")  # 1, 3 and 5 are judged
    assert judged_by_edit(view, place, selected, "harm") == expected


def test_after_the_last_judged_turn_there_is_nothing_to_score(store):
    run, _ = full(store)
    view = open_conversation(store, run, "beta")
    assert judged_by_edit(view, 2, 1, "helpfulness") is None  # only turn 1 is judged on it


def test_an_edit_is_scored_on_all_maxims_in_the_background(store, judged):
    tried = start_try(store, opened(store, judged), 3, {2: "It is at the depot?"}, "harm")
    result = tried.result(30)
    assert [(change.rubric.id, change.after.score) for change in result.changes] == [
        ("harm", pytest.approx(0.9)),
        ("helpfulness", pytest.approx(0.9)),
    ]
    assert (tried.problem, tried.turn, summary(tried.edits)) == ("", 3, "turn 2: “It is at the depot?”")


def test_a_judge_that_is_gone_is_said(store, judged, monkeypatch):
    def gone(*_, **__):
        raise UnavailableError("the server does not answer")

    monkeypatch.setattr(Workspace, "what_if", gone)
    tried = start_try(store, opened(store, judged), 3, {3: "Soon."}, "harm")
    assert (tried.result(30), tried.problem) == (None, "the server does not answer")
    monkeypatch.setattr(Workspace, "what_if", lambda *_, **__: 1 / 0)
    tried = start_try(store, opened(store, judged), 3, {3: "Soon."}, "harm")
    assert (tried.result(30), tried.problem) == (None, "The judge failed: ZeroDivisionError.")


def test_a_judge_that_visitors_may_not_ask_is_not_asked(store, judged, monkeypatch):
    def refuse(*_):
        raise UsageError("model 'x' is not known to this dashboard")

    monkeypatch.setattr(tries, "check_run_judge", refuse)
    with pytest.raises(UsageError, match="not known to this dashboard"):
        start_try(store, opened(store, judged), 3, {3: "Soon."}, "harm")


def test_a_pair_needs_a_name(store, judged):
    view = opened(store, judged)
    result = start_try(store, view, 3, {3: "It is at the depot."}, "harm").result(30)
    with pytest.raises(UsageError, match="reviewer"):
        keep_pair(store, view, result, view.rubrics[0], " ")
    number = keep_pair(store, view, result, view.rubrics[0], " Anna ")
    assert reviews(store, judged)[number].reviewer == "Anna"


def test_words_are_tried_restored_and_kept(app, store, judged):  # noqa: F811
    page = app("conversation", run=str(judged), conversation="chat", turn="3", rubric="harm")
    ran(page.button(key="edit-3").click().run())
    page.text_area[0].set_value("It is at the depot.")
    press(page, "Score")
    shown = texts(page)
    assert "Scores of turn 3 with your words in turn 3" in shown
    assert "0.20\n0.90\n+0.70" in shown.replace("\n\n", "\n")
    page.text_area[0].set_value("It is gone.")
    press(page, "Score")
    assert "1. turn 3: “It is at the depot.”: harm 0.20 → 0.90, helpfulness 0.20 → 0.90" in texts(page)
    assert "2. turn 3: “It is gone.”: harm 0.20 → 0.20, helpfulness 0.20 → 0.20" in texts(page)
    assert not [button for button in page.button if "Keep" in button.label]  # the scores do not change
    assert "This is no training pair: the score does not tell which text is better." in texts(page)
    press(page, "Restore")
    assert page.text_area[0].value == "It is at the depot."
    press(page, "Keep as a reviewed pair")
    assert "Write your name first" in texts(page)
    page.text_input(key="reviewer").set_value("Anna")
    press(page, "Keep as a reviewed pair")
    assert "Kept as pair 1, accepted." in texts(page)
    (review,) = reviews(store, judged).values()
    assert (review.reviewer, review.decision) == ("Anna", "accept")


def test_a_change_less_than_the_noise_is_no_pair(app, store, judged, monkeypatch):  # noqa: F811
    scores = Workspace.what_if

    def noisy(*arguments, **named):
        result = scores(*arguments, **named)
        return replace(result, changes=tuple(replace(change, noise=0.8) for change in result.changes))

    monkeypatch.setattr(Workspace, "what_if", noisy)
    page = app("conversation", run=str(judged), conversation="chat", turn="3", rubric="harm")
    ran(page.button(key="edit-3").click().run())
    page.text_area[0].set_value("It is at the depot.")
    press(page, "Score")
    assert "+0.70, less than the judge’s noise of 0.80" in texts(page)
    assert "This is no training pair: the score does not tell which text is better." in texts(page)
    assert not [button for button in page.button if "Keep" in button.label]


@pytest.mark.slow
def test_an_earlier_turn_is_edited_and_is_no_pair(app, store, judged):  # noqa: F811
    page = app("conversation", run=str(judged), conversation="chat", turn="3", rubric="harm")
    ran(page.button(key="edit-0").click().run())
    press(page, "Score")
    assert "Change some words first" in texts(page)
    page.text_area[0].set_value(" ")
    press(page, "Score")
    assert "The text is empty" in texts(page)
    page.text_area[0].set_value("Is it at the depot?")
    press(page, "Score")
    assert "Scores of turn 3 with your words in turn 0" in texts(page)
    assert "A training pair needs an edit of turn 3 alone." in texts(page)
    press(page, "Back to the logged text")
    assert page.text_area[0].value == "Where is it?"
    press(page, "Close")
    assert not page.text_area


@pytest.mark.slow
def test_a_slow_judge_leaves_the_page_usable(app, store, judged, monkeypatch):  # noqa: F811
    waiting = Future()
    monkeypatch.setattr(turn_editor, "_PATIENCE", 0.01)
    monkeypatch.setattr(
        turn_editor, "start_try", lambda store, view, turn, edits, rubric: tries.Try(turn, edits, waiting)
    )
    page = app("conversation", run=str(judged), conversation="chat", turn="3", rubric="harm")
    ran(page.button(key="edit-3").click().run())
    page.text_area[0].set_value("It is at the depot.")
    press(page, "Score")
    assert "is scoring this edit. You can go on" in texts(page)
    waiting.set_exception(UnavailableError("the server does not answer"))
    ran(page.run())
    assert "the server does not answer" in texts(page)


@pytest.mark.slow
def test_tools_and_long_turns_are_folded(app, store):  # noqa: F811
    run = store.begin_run("m", "f", {}, [HARM]).id
    base = talk("t", 1)
    turns = (
        Turn("system", "Be kind. " * 40),
        Turn("user", "Why? " * 400),
        Turn("tool", '{"a": 1}', "find"),
        base.turns[1],
    )
    keep(store, run, replace(base, turns=turns), {3: 0.3}, HARM)
    shown = texts(app("conversation", run=str(run), conversation="t"))
    for words in ("System prompt, 360 characters", "Show all of turn 1", "Result of the tool find, 8 characters"):
        assert words in shown
