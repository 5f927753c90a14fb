"""The change since last time: from an earlier run, or between two weeks of one run."""

from datetime import UTC, date, datetime, timedelta

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.store.turn_scores import conversation_groups
from convexplain.types import Evidence, Judgement
from convexplain.workspace import Workspace
from convexplain.workspace.run_changes import NO_EARLIER, period, run_change
from tests.trust_states import keep_trust

HELPFULNESS = load_rubric("helpfulness")


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    keep_trust(opened.store, "judge-a", {HELPFULNESS: "benchmarked"})
    yield opened
    opened.close()


def judged(workspace, talks, judge="judge-a"):
    """A finished run over (id, reply, bot, source, day, score)."""
    store = workspace.store
    run = store.begin_run(judge, judge, {"n": len(workspace.runs())}, [HELPFULNESS]).id
    for name, reply, bot, source, day, score in talks:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) if day is not None else None
        turns = (Turn("user", f"Hello {name}", at=at), Turn("assistant", reply, bot, at))
        talk = Conversation(name, turns, source)
        evidence = Evidence("label_probability", {})
        judgement = Judgement(name, 1, "helpfulness", score, None, None, evidence, "m", "s")
        store.keep_judgement(run, store.keep_conversation(talk, run), HELPFULNESS, judgement)
    store.end_run(run, "done", store.run(run).spend)
    return run


def change(workspace, run):
    return run_change(workspace.run(run), conversation_groups(workspace.store, run))


def week(start, score, bot="bot", source="a.jsonl", reply="Yes.", day=None):
    """Ten conversations whose scores are `score` ± 0.05."""
    return [(f"c{start + i}", reply, bot, source, day, score + (0.05 if i % 2 else -0.05)) for i in range(10)]


def test_a_first_run_has_nothing_to_compare_with(workspace):
    first = change(workspace, judged(workspace, week(0, 0.5)))
    assert (first.verdict, first.maxims, first.note) == (None, (), NO_EARLIER)


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (week(10, 0.8, source="b.jsonl"), "better"),  # the same bot in another file
        (week(10, 0.2, bot="next"), "worse"),  # the same file, another bot
        (week(10, 0.5), "cannot tell"),
    ],
)
def test_other_conversations_of_the_same_bot_or_source_are_compared(workspace, second, verdict):
    earlier = judged(workspace, week(0, 0.5))
    since = change(workspace, judged(workspace, second))
    assert (since.verdict, since.basis, since.earlier) == (verdict, "other conversations", earlier)
    (maxim,) = since.maxims
    assert (maxim.before, round(maxim.shift, 2)) == (pytest.approx(0.5), round(second[0][5] + 0.05 - 0.5, 2))
    assert since.to_dict()["maxims"][0]["mark"] == "benchmarked"


def test_a_run_of_another_bot_and_file_is_no_earlier_run(workspace):
    judged(workspace, week(0, 0.5, "one", "one.jsonl"))
    assert change(workspace, judged(workspace, week(10, 0.8, "two", "two.jsonl"))).note == NO_EARLIER


def test_the_same_questions_answered_by_another_version_are_paired(workspace):
    earlier = judged(workspace, week(0, 0.5))
    since = change(workspace, judged(workspace, week(0, 0.7, "next", "b.jsonl", "No.")))
    assert since.verdict is None  # neither bot nor source is the same
    since = change(workspace, judged(workspace, week(0, 0.7, reply="No.")))
    assert (since.verdict, since.basis) == ("better", "same conversations")
    assert since.earlier == earlier


def test_conversations_that_both_runs_judged_do_not_count(workspace):
    """The log has grown by ten better conversations: 0.5 to 0.9, although over all of them the mean is 0.7."""
    judged(workspace, week(0, 0.5))
    since = change(workspace, judged(workspace, week(0, 0.5) + week(10, 0.9)))
    assert (since.verdict, round(since.maxims[0].after, 2)) == ("better", 0.9)


def test_one_conversation_that_went_on_does_not_hide_the_new_ones(workspace):
    """c0 was answered again, and ten conversations are new: 0.55 (once) and 0.9 (ten times) have the mean 0.868."""
    judged(workspace, week(0, 0.5))
    again = [("c0", "No.", "bot", "a.jsonl", None, 0.55)]
    since = change(workspace, judged(workspace, again + week(0, 0.5)[1:] + week(10, 0.9)))
    assert (since.verdict, since.basis) == ("better", "other conversations")
    assert (round(since.maxims[0].before, 2), round(since.maxims[0].after, 3)) == (0.5, 0.868)


def test_conversations_that_stayed_the_same_do_not_thin_out_those_that_were_answered_again(workspace):
    """Ten were answered again and rose by 0.2; ten stayed as they were: over all twenty the change would be 0.1."""
    judged(workspace, week(0, 0.5) + week(10, 0.5))
    since = change(workspace, judged(workspace, week(0, 0.7, reply="No.") + week(10, 0.5)))
    assert (since.verdict, since.basis, round(since.maxims[0].shift, 2)) == ("better", "same conversations", 0.2)


def test_two_conversations_are_too_few_for_a_verdict(workspace):
    """0.2 to 0.5 and 0.3 to 0.6: both rose by 0.3, which looks certain, but five are needed."""
    judged(workspace, [(f"c{i}", "Yes.", "bot", "a.jsonl", None, 0.2 + i / 10) for i in range(2)])
    again = [(f"c{i}", "No.", "bot", "a.jsonl", None, 0.5 + i / 10) for i in range(2)]
    since = change(workspace, judged(workspace, again))
    assert (since.verdict, since.basis, since.maxims[0].interval) == ("cannot tell", "same conversations", None)


def test_a_change_within_the_judges_noise_cannot_be_told(workspace):
    """Each of ten rose by 0.02, without any scatter; the assumed noise of their mean is 0.1 / sqrt(10) = 0.0316."""
    judged(workspace, week(0, 0.5))
    since = change(workspace, judged(workspace, week(0, 0.52, reply="No.")))
    assert since.verdict == "cannot tell"
    assert since.maxims[0].interval == pytest.approx((-0.0116, 0.0516), abs=1e-4)


@pytest.mark.parametrize(
    ("judge", "note"),
    [
        ("judge-a", "Run 1 holds the same conversations, by the same judge: nothing can have changed."),
        ("judge-b", "Run 1 was judged by another judge (judge-a): its scores are on another scale."),
    ],
)
def test_a_run_that_tells_nothing_is_named(workspace, judge, note):
    judged(workspace, week(0, 0.5))
    since = change(workspace, judged(workspace, week(0, 0.5), judge))
    assert (since.verdict, since.note) == (None, note)


def test_without_an_earlier_run_the_last_week_is_held_against_the_one_before(workspace):
    """Day 0 is 1 January, day 13 the last: 8 to 14 January against 1 to 7; day -3 is older and does not count."""
    talks = week(0, 0.8, day=0) + week(10, 0.5, day=13) + week(20, 0.1, day=-3)
    since = change(workspace, judged(workspace, talks))
    assert (since.verdict, since.basis, since.earlier) == ("worse", "weeks", None)
    assert (since.before, since.after) == ("1–7 January 2026", "8–14 January 2026")
    assert round(since.maxims[0].shift, 2) == -0.3


def test_scores_that_only_sort_give_no_verdict(workspace):
    keep_trust(workspace.store, "judge-a", {HELPFULNESS: "no better"})
    judged(workspace, week(0, 0.5))
    since = change(workspace, judged(workspace, week(10, 0.8)))
    assert (since.verdict, since.maxims[0].verdict) == ("cannot tell", "better")


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2026, 1, 1), date(2026, 1, 7), "1–7 January 2026"),
        (date(2026, 1, 29), date(2026, 2, 4), "29 January – 4 February 2026"),
        (date(2025, 12, 29), date(2026, 1, 4), "29 December 2025 – 4 January 2026"),
    ],
)
def test_periods(first, last, expected):
    assert period(first, last) == expected
