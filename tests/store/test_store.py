"""What the store keeps and gives back: the same on SQLite and PostgreSQL."""

import math
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Conversation, Turn, load_rubric
from convexplain.errors import Problem, StoreError
from convexplain.models.chat import LabelLogprobs, Reply, Spend
from convexplain.store import RunStore, score_histogram, summarise
from convexplain.types import Evidence, Judgement

SETTINGS = {"turns": "all", "rubrics": {"helpfulness": "x"}}


def judgement(turn=1, score=0.25, **fields):
    evidence = Evidence(kind="label_probability", probabilities={"yes": 0.25, "no": 0.75}, notes=("n",), unseen=("u",))
    values = {
        "conversation_id": "late-parcel",
        "rubric": "helpfulness",
        "label": "no",
        "reason": None,
        "evidence": evidence,
        "model": "m",
        "prompt_sha": "s",
    }
    return Judgement(turn=turn, score=score, **{**values, **fields})


def begin(store, rubric, **fields):
    return store.begin_run("m", "fingerprint", {**SETTINGS, **fields}, [rubric])


def test_a_reply_comes_back_as_it_was_kept(store):
    reply = Reply("t\x00\ud800", LabelLogprobs({"yes": math.log(0.3)}, 0.1, 20), True, True, 10, 2, 5, 0.25)
    store.put("k", "m", reply)
    assert store.get("k") == reply
    assert store.get("other") is None


def test_the_first_reply_kept_under_a_key_stays(store):
    store.put("k", "m", Reply("first"))
    store.put("k", "m", Reply("second"))
    assert store.get("k").text == "first"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lasting_store(request, tmp_path_factory):
    """One store for all examples of a property."""
    if request.param == "sqlite":
        store = RunStore(str(tmp_path_factory.mktemp("lasting") / "a.db"))
        yield store
        store.close()
        return
    with request.getfixturevalue("server").empty() as url:
        store = RunStore(url)
        yield store
        store.close()


@pytest.mark.slow
@settings(deadline=None)
@given(text=st.text(st.characters(codec=None)), name=st.none() | st.text(st.characters(codec=None)))
def test_conversations_come_back_as_they_were(lasting_store, text, name):
    run = begin(lasting_store, load_rubric("helpfulness"))
    talk = Conversation(
        f"id{text}", (Turn("user", text, name, datetime(2024, 1, 2, tzinfo=UTC), {"k": [1, text]}),), "s", {"m": text}
    )
    lasting_store.keep_conversation(talk, run.id)
    assert talk in list(lasting_store.conversations(run.id))


def test_nul_and_lone_surrogates_come_back_everywhere(store, helpfulness):
    """As they were in conversations and evidence, as escapes in what is only looked at and searched by."""
    strange = "t\x00\ud800\\x00é"
    talk = Conversation(strange, (Turn("user", strange), Turn("assistant", strange)), strange, {strange: strange})
    run = store.begin_run(strange, "f", {strange: strange}, [helpfulness])
    number = store.keep_conversation(talk, run.id)
    kept = judgement(conversation_id=strange, reason=strange, evidence=Evidence(raw=strange))
    store.keep_judgement(run.id, number, helpfulness, kept)
    store.keep_problem(run.id, Problem(strange, None, strange))
    escaped = r"t\x00\ud800\x00é"
    assert list(store.judgements(run.id)) == [(talk, replace(kept, reason=escaped))]
    assert (store.run().judge, store.run().settings) == (escaped, {strange: strange})
    assert [(found.path, found.reason) for found in store.problems(run.id)] == [(escaped, escaped)]


def test_times_come_back_aware_and_equal(store, helpfulness):
    before = datetime.now(UTC)
    run = begin(store, helpfulness)
    store.end_run(run.id, "done", Spend())
    after = datetime.now(UTC)
    kept = store.run(run.id)
    assert before <= kept.created_at <= kept.finished_at <= after
    assert kept.created_at == run.created_at
    assert kept.finished_at.utcoffset() == timedelta(0)
    said = datetime(2024, 1, 2, 3, 4, 5, 678901, timezone(timedelta(hours=5, minutes=30)))
    store.keep_conversation(Conversation("c", (Turn("user", "x", at=said),)), run.id)
    (talk,) = store.conversations(run.id)
    assert (talk.turns[0].at, talk.turns[0].at.utcoffset()) == (said, said.utcoffset())


def test_a_conversation_is_kept_once_and_belongs_to_every_run_that_had_it(store, talk, helpfulness):
    one, two = begin(store, helpfulness), begin(store, helpfulness, turns="last")
    assert store.keep_conversation(talk, one.id) == store.keep_conversation(talk, two.id)
    assert list(store.conversations()) == [talk]
    assert list(store.conversations(one.id)) == list(store.conversations(two.id)) == [talk]


def test_conversations_are_read_page_by_page_in_order(store, helpfulness, monkeypatch):
    monkeypatch.setattr("convexplain.store.store._PAGE", 3)
    run = begin(store, helpfulness)
    talks = [Conversation(str(i), (Turn("user", "x"),)) for i in range(7)]
    for one in talks:
        store.keep_conversation(one, run.id)
    assert list(store.conversations(run.id)) == talks


def test_a_judgement_comes_back_and_replaces_an_earlier_one(store, talk, helpfulness):
    run = begin(store, helpfulness)
    number = store.keep_conversation(talk, run.id)
    store.keep_judgement(run.id, number, helpfulness, judgement(score=None, label=None, reason="why"))
    assert store.scored_judgements(run.id, [number]) == {number: set()}  # unscored: to be asked again
    store.keep_judgement(run.id, number, helpfulness, judgement(score=1 / 3))
    assert store.scored_judgements(run.id, [number]) == {number: {(1, helpfulness.sha)}}
    assert list(store.judgements(run.id)) == [(talk, judgement(score=1 / 3))]


def test_an_unfinished_run_is_gone_on_with_and_a_finished_one_is_not(store, helpfulness):
    first = begin(store, helpfulness)
    store.end_run(first.id, "stopped", Spend(calls=3))
    again = begin(store, helpfulness)
    assert (again.id, again.resumed, again.spend.calls) == (first.id, True, 3)
    assert begin(store, helpfulness, turns="last").id != first.id
    store.end_run(again.id, "done", again.spend)
    assert begin(store, helpfulness).id != first.id


def test_a_run_that_another_living_process_works_on_is_left_alone(store, helpfulness, monkeypatch):
    monkeypatch.setattr("convexplain.store.store.this_process", lambda: f"{socket.gethostname()}:1")
    first = begin(store, helpfulness)
    assert begin(store, helpfulness).id != first.id
    monkeypatch.setattr("convexplain.store.store.this_process", lambda: f"{socket.gethostname()}:999999999")
    dead = begin(store, helpfulness, turns="last")
    assert begin(store, helpfulness, turns="last").id == dead.id


def test_problems_are_kept(store, helpfulness):
    run = begin(store, helpfulness)
    store.keep_problem(run.id, Problem("a.jsonl", 7, "not JSON"))
    store.keep_problem(run.id, Problem("a.jsonl", None, "guessed encoding", kept=True))
    found = [(str(problem), problem.kept) for problem in store.problems(run.id)]
    assert found == [("a.jsonl:7: not JSON", False), ("a.jsonl: guessed encoding", True)]
    assert summarise(store, run).problems == 1


def test_a_missing_run_is_named(store):
    with pytest.raises(StoreError, match="there is no run 9"):
        store.run(9)


def test_the_summary_counts_unscored_turns_in_nothing_else(store, talk, helpfulness):
    run = begin(store, helpfulness)
    number = store.keep_conversation(talk, run.id)
    other = store.keep_conversation(replace(talk, id="b"), run.id)
    for place, turn, score in ((number, 1, 0.2), (number, 3, 1.0), (other, 1, 0.6), (other, 3, None)):
        store.keep_judgement(
            run.id, place, helpfulness, judgement(turn, score, reason="off" if score is None else None)
        )
    found = summarise(store, store.run(run.id), worst=2)
    (maxim,) = found.maxims
    assert (found.conversations, found.turns, found.problems) == (2, 4, 0)
    assert (maxim.judged, maxim.unscored, maxim.threshold) == (4, 1, 0.5)
    assert maxim.mean == pytest.approx(0.6)  # (0.2 + 1.0 + 0.6) / 3
    assert maxim.below == pytest.approx(1 / 3)
    assert [(item.conversation.id, item.judgement.score) for item in found.worst] == [("late-parcel", 0.2), ("b", 0.6)]
    assert found.unscored == (("off", 1),)
    assert score_histogram(store, run, "helpfulness", 10) == [0, 0, 1, 0, 0, 0, 1, 0, 0, 1]


def test_reasons_come_the_most_frequent_first_then_in_the_order_of_the_judgements(store, talk, helpfulness):
    run = begin(store, helpfulness)
    number = store.keep_conversation(talk, run.id)
    for turn, reason in enumerate(["b", "c", "a", "d", "c", None]):
        store.keep_judgement(run.id, number, helpfulness, judgement(turn, None, label=None, reason=reason))
    expected = (("c", 2), ("b", 1), ("a", 1), ("d", 1), ("no reason given", 1))
    assert summarise(store, run).unscored == expected


def test_an_empty_run_has_a_summary(store, helpfulness):
    run = begin(store, helpfulness)
    found = summarise(store, run)
    assert (found.conversations, found.turns, found.maxims, found.worst) == (0, 0, (), ())


@pytest.mark.slow
def test_readers_and_writers_at_once(url, talk, helpfulness):
    errors = []

    def work(name):
        try:
            store = RunStore(url)
            run = begin(store, helpfulness, turns=name)
            for i in range(40):
                number = store.keep_conversation(replace(talk, id=f"{name}{i}"), run.id)
                store.keep_judgement(run.id, number, helpfulness, judgement())
                store.put(f"{name}{i}", "m", Reply("x"))
                summarise(store, run)
            store.close()
        except Exception as error:  # noqa: BLE001 - a thread has no other way to fail its test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    store = RunStore(url)
    assert len(list(store.conversations())) == 120
    store.close()
