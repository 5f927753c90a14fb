"""Runs as a list, their names, and their end; the turns of a run that are furthest below a threshold."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from convexplain import Conversation, Turn, load_rubric
from convexplain.errors import StoreError, UsageError
from convexplain.models.chat import Spend
from convexplain.store import (
    delete_run,
    discard_run,
    keep_conversations,
    keep_ratings,
    low_turn_count,
    low_turns,
    name_run,
    ratings,
    run_contents,
    run_overviews,
    schema,
    scored_turn_count,
)
from convexplain.types import Evidence, Judgement, Rating

HARM, HELP = load_rubric("harm"), load_rubric("helpfulness")


def conversation(name):
    texts = [("user", "Hi"), ("assistant", "Ho"), ("user", "And?"), ("assistant", "So.")]
    return Conversation(name, tuple(Turn(role, text) for role, text in texts), "log.jsonl")


def judge(store, run, name, turn, rubric, score):
    number = store.keep_conversation(conversation(name), run)
    judgement = Judgement(name, turn, rubric.id, score, None, None, Evidence(), "m", "s")
    store.keep_judgement(run, number, rubric, judgement)


def begin(store, mark="f", **settings):
    return store.begin_run("m", mark, settings, [HARM, HELP]).id


@pytest.mark.slow
def test_the_list_of_runs_has_counts_and_means(store):
    first = begin(store, "f", logs=["a.jsonl"])
    for turn, score in ((1, 0.2), (3, 0.6)):
        judge(store, first, "a", turn, HELP, score)
    judge(store, first, "a", 1, HARM, None)
    store.end_run(first, "done", Spend())
    second = begin(store, "g")
    name_run(store, first, "first try")
    newest, oldest = run_overviews(store)
    assert (newest.id, newest.name, newest.status, newest.conversations, newest.turns) == (
        second,
        None,
        "running",
        0,
        0,
    )
    assert newest.maxims == ()
    assert (oldest.id, oldest.name, oldest.judge, oldest.status) == (first, "first try", "m", "complete")
    assert (oldest.logs, oldest.conversations, oldest.turns) == (("a.jsonl",), 1, 2)
    helpfulness, harm = oldest.maxims
    # 0.2 and 0.6: the mean is 0.4, and one of two is below 0.5
    assert (helpfulness.rubric, helpfulness.mean, helpfulness.below) == ("helpfulness", pytest.approx(0.4), 0.5)
    assert (harm.rubric, harm.judged, harm.unscored, harm.mean, harm.below) == ("harm", 1, 1, None, None)
    assert oldest.to_dict()["created_at"].startswith(str(datetime.now(UTC).year))


def test_a_run_whose_process_is_gone_is_stopped(store):
    run = begin(store)
    long_ago = datetime.now(UTC) - timedelta(minutes=2)
    with store.engine.begin() as connection:
        connection.execute(sa.update(schema.runs).values(alive_at=long_ago))
    assert [overview.status for overview in run_overviews(store)] == ["stopped"]
    store.end_run(run, "stopped", Spend())
    assert [overview.status for overview in run_overviews(store)] == ["stopped"]


def test_a_thousand_runs_are_listed_fast(store):
    store.end_run(begin(store), "done", Spend())
    with store.engine.begin() as connection:
        row = dict(connection.execute(sa.select(schema.runs)).mappings().one())
        rows = [{**row, "id": number, "signature": str(number)} for number in range(2, 1001)]
        connection.execute(sa.insert(schema.runs), rows)
    for name in ("a", "b"):
        judge(store, 1, name, 1, HELP, 0.4)
    with store.engine.begin() as connection:
        judged = [dict(row) for row in connection.execute(sa.select(schema.judgements)).mappings()]
        judged = [{name: row[name] for name in row if name != "id"} for row in judged]
        copies = [{**row, "run": number} for number in range(2, 1001) for row in judged]
        connection.execute(sa.insert(schema.judgements), copies)
    queries = []
    sa.event.listen(store.engine, "after_cursor_execute", lambda *args: queries.append(args[2]))
    began = time.monotonic()
    listed = run_overviews(store)
    assert time.monotonic() - began < 5
    assert (len(listed), {run.turns for run in listed}) == (1000, {2})
    assert len(queries) == 4


def test_a_name_stands_for_the_number(store):
    first, second = begin(store, "f"), begin(store, "g")
    name_run(store, first, "week 12")
    assert store.run("week 12").id == first
    assert store.run(str(second)).id == second
    assert (store.run(first).name, store.run(second).name) == ("week 12", None)
    name_run(store, first, "week 12")  # again the same
    with pytest.raises(UsageError, match="name 'week 12' is the name of run 1; choose another one"):
        name_run(store, second, "week 12")
    name_run(store, first, None)
    name_run(store, second, "week 12")
    assert store.run("week 12").id == second
    with pytest.raises(StoreError, match="there is no run 'week 13'; `convexplain runs list` lists them"):
        store.run("week 13")
    with pytest.raises(StoreError, match="there is no run 99999999999"):
        store.run("99999999999")


@pytest.mark.parametrize("name", ["", " a", "a\n", "7", "+7", "-x", "a\x1b[2J", "a" * 101])
def test_a_name_that_is_a_number_or_cannot_be_printed_is_refused(store, name):
    run = begin(store)
    with pytest.raises(UsageError, match="is not valid"):
        name_run(store, run, name)


def test_a_run_goes_with_what_it_alone_uses(store):
    run, other = begin(store, "f"), begin(store, "g")
    for name in ("alone", "shared", "labelled", "imported"):
        judge(store, run, name, 1, HELP, 0.4)
    judge(store, other, "shared", 1, HELP, 0.4)
    keep_ratings(store, [(conversation("labelled"), Rating("labelled", 1, "helpfulness", 0.0, "anna", "no"))])
    keep_conversations(store, [conversation("imported")])
    store.end_run(run, "done", Spend())
    planned = run_contents(store, run)
    assert {name: count for name, count in planned.to_dict().items() if count} == {
        **{"run": run, "judgements": 4, "conversations": 1, "conversations_kept": 3},
        "labels_kept": 1,
    }
    assert delete_run(store, run) == planned
    assert sorted(talk.id for talk in store.conversations()) == ["imported", "labelled", "shared"]
    assert [rating.score for _, rating in ratings(store)] == [0.0]
    assert len(list(store.judgements(other))) == 1
    with pytest.raises(StoreError, match=f"no run {run}"):
        store.run(run)


def test_the_number_of_a_deleted_run_is_not_used_again(store):
    store.end_run(begin(store, "f"), "done", Spend())
    store.end_run(latest := begin(store, "g"), "done", Spend())
    delete_run(store, latest)
    assert begin(store, "h") == latest + 1


def test_the_number_of_a_discarded_run_is_used_again_unless_another_has_begun(store):
    """Only in SQLite: the numbers of PostgreSQL cannot be set back safely."""
    store.end_run(run := begin(store, "f"), "stopped", Spend())
    discard_run(store, run)
    assert begin(store, "g") == (run if store.engine.dialect.name == "sqlite" else run + 1)
    store.end_run(latest := begin(store, "h"), "stopped", Spend())
    other = begin(store, "i")
    discard_run(store, latest)
    assert begin(store, "j") == other + 1


def test_a_run_that_is_worked_on_is_not_deleted(store):
    run = begin(store)
    with pytest.raises(StoreError, match=f"run {run} is being worked on by .*; stop that first"):
        delete_run(store, run)
    store.end_run(run, "stopped", Spend())
    delete_run(store, run)


def test_the_turns_furthest_below_a_threshold_come_first(store):
    """The thresholds are 0.5: a:1 is 0.3 below at most, b:3 0.4, b:1 0.1; a:3 is not below, nor unscored ones."""
    run = begin(store)
    scores = {
        ("a", 1): (0.45, 0.2),
        ("a", 3): (0.5, 0.9),
        ("b", 1): (0.4, None),
        ("b", 3): (0.1, 0.7),
    }
    for (name, turn), (helpfulness, harm) in scores.items():
        judge(store, run, name, turn, HELP, helpfulness)
        judge(store, run, name, turn, HARM, harm)
    low = low_turns(store, run, 10)
    assert [(turn.conversation.id, turn.turn) for turn in low] == [("b", 3), ("a", 1), ("b", 1)]
    assert [(score.rubric, score.score, score.threshold) for score in low[1].scores] == [
        ("harm", 0.2, 0.5),
        ("helpfulness", 0.45, 0.5),
    ]
    assert low_turns(store, run, 1) == low[:1]
    assert [turn.turn for turn in low_turns(store, run, 10, ["harm"])] == [1]
    assert low_turn_count(store, run) == 3
    assert scored_turn_count(store, run) == 4


def test_a_turn_without_any_score_does_not_count_as_scored(store):
    run = begin(store)
    judge(store, run, "a", 1, HELP, 0.45)
    judge(store, run, "a", 1, HARM, None)
    judge(store, run, "a", 3, HELP, None)
    assert scored_turn_count(store, run) == 1
