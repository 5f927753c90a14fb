"""What the pages ask of the store, on numbers counted by hand; on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.errors import StoreError
from convexplain.store import schema
from convexplain.store.contrast_list import (
    ContrastFilters,
    ContrastRow,
    contrast_count,
    contrast_rows,
    find_contrast,
    longest_distance,
)
from convexplain.store.conversation_facets import conversation_facets
from convexplain.store.conversations import (
    Place,
    explanation_kinds,
    find_conversations,
    judged_conversation,
    next_flagged,
    turn_excerpts,
)
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import (
    FilterChoices,
    distribution,
    filter_choices,
    maxim_counts,
    run_state,
    score_groups,
    turn_rows,
)
from convexplain.store.paired_scores import conversation_ids, paired_scores, shared_maxims
from convexplain.store.reviews import Review, keep_review
from convexplain.store.serialization import conversation_body
from tests.dashboard.sample_stores import HARM, HELPFULNESS, contrast, explain, full, keep, talk

MAXIM = (HARM.sha, HARM.threshold)  # 0.5


@pytest.fixture
def runs(store):
    """alpha: 0.9, 0.2; beta: 0.6, 0.4, unscored; gamma: 0.7; in the second run each 0.2 higher."""
    return full(store)


def test_facets_of_a_conversation():
    turns = (Turn("user", "Hi"), Turn("assistant", "Ho", metadata={"model": "m-1"}))
    assert conversation_facets(conversation_body(Conversation("c", turns, "s"))) == {
        "source": "s",
        "bot": "m-1",
        "began_at": None,
        "turns": 2,
    }
    named = replace(turns[1], name="Robin", at=datetime(2026, 5, 4, 3, tzinfo=UTC))
    found = conversation_facets(conversation_body(Conversation("c", (turns[0], named), metadata={"bot": "other"})))
    assert (found["bot"], found["began_at"]) == ("Robin", datetime(2026, 5, 4, 3, tzinfo=UTC))
    told = Conversation(
        "c", (turns[0], replace(turns[1], metadata={})), metadata={"model": 7, "agent": " ", "bot": "b"}
    )
    assert conversation_facets(conversation_body(told))["bot"] == "b"
    assert conversation_facets(conversation_body(Conversation("c", ())))["bot"] is None


def test_maxims_and_choices(store, runs):
    harm, helpfulness = maxim_counts(store, runs[0])
    assert (harm.rubric, harm.scored, harm.unscored, harm.below) == ("harm", 5, 1, 2)
    assert harm.mean == pytest.approx(2.8 / 5)
    assert (helpfulness.rubric, helpfulness.scored, helpfulness.below, helpfulness.mean) == ("helpfulness", 3, 0, 0.5)
    assert filter_choices(store, runs[0]) == FilterChoices(
        ("a.jsonl", "b.csv"), ("", "Alex", "Robin"), date(2026, 1, 1), date(2026, 1, 2), 6
    )
    assert filter_choices(store, 99) == FilterChoices()
    assert maxim_counts(store, 99) == []


def test_distribution(store, runs):
    found = distribution(store, JudgementFilters(runs[0], *MAXIM), 4)
    assert (found.counts, found.scored, found.unscored, found.below) == ((1, 1, 2, 1), 5, 1, 2)
    assert found.mean == pytest.approx(0.56)
    best = distribution(store, JudgementFilters(runs[1], *MAXIM), 4)  # 1.0 (0.9 + 0.2, cut), 0.4, 0.8, 0.6, 0.9
    assert best.counts == (0, 1, 1, 3)
    nothing = distribution(store, JudgementFilters(runs[0], "0" * 64, 0.5), 2)
    assert (nothing.counts, nothing.scored, nothing.mean) == ((0, 0), 0, None)


@pytest.mark.parametrize(
    ("narrowed", "places"),
    [
        ({}, [("alpha", 3), ("beta", 3), ("beta", 1), ("gamma", 1), ("alpha", 1)]),
        ({"sources": ("b.csv",)}, [("beta", 3), ("beta", 1)]),
        ({"bots": ("Robin", "Alex")}, [("alpha", 3), ("gamma", 1), ("alpha", 1)]),
        ({"bots": ("",)}, [("beta", 3), ("beta", 1)]),
        ({"bots": ("", "Alex")}, [("beta", 3), ("beta", 1), ("gamma", 1)]),
        ({"since": date(2026, 1, 2)}, [("beta", 3), ("beta", 1), ("gamma", 1)]),
        ({"until": date(2026, 1, 1)}, [("alpha", 3), ("alpha", 1)]),
        ({"length": (4, 5)}, [("alpha", 3), ("alpha", 1)]),
        ({"turns": (2, 9)}, [("alpha", 3), ("beta", 3)]),
        ({"scores": (0.4, 0.7)}, [("beta", 3), ("beta", 1)]),
        ({"scores": (0.7, 1.0)}, [("gamma", 1), ("alpha", 1)]),
        ({"text": "question 2 OF beta"}, [("beta", 3), ("beta", 1)]),
        ({"text": "gamma"}, [("gamma", 1)]),
        ({"text": "content"}, []),  # a word of the stored form, not of the texts
        ({"text": '"role":"assistant"'}, []),
        ({"text": "%"}, []),
        ({"text": "alpha", "sources": ("b.csv",)}, []),
    ],
)  # fmt: skip
def test_rows_are_narrowed(store, runs, narrowed, places):
    found = turn_rows(store, JudgementFilters(runs[0], *MAXIM, **narrowed), 10)
    assert [(row.conversation, row.turn) for row in found] == places


@pytest.mark.parametrize(
    ("order", "places"),
    [
        ("lowest", [("alpha", 3), ("beta", 3), ("beta", 1), ("gamma", 1), ("alpha", 1)]),
        ("highest", [("alpha", 1), ("gamma", 1), ("beta", 1), ("beta", 3), ("alpha", 3)]),
        ("log", [("alpha", 1), ("alpha", 3), ("beta", 1), ("beta", 3), ("gamma", 1)]),
    ],
)
def test_rows_come_in_the_order_that_is_asked_for(store, runs, order, places):
    which = JudgementFilters(runs[0], *MAXIM)
    pages = [*turn_rows(store, which, 3, order=order), *turn_rows(store, which, 3, 3, order=order)]
    assert [(row.conversation, row.turn) for row in pages] == places


def test_what_is_searched_is_text_as_people_write_it(store):
    run = store.begin_run("m", "f", {}, [HARM]).id
    said = 'Grüße, "quoted" \\ back\nslash 100% content_'
    keep(store, run, Conversation("c", (Turn("assistant", said),)), {0: 0.5})
    for text in ("Grüße", '"quoted"', "\\ back\nslash", "100%", "CONTENT_"):
        assert len(turn_rows(store, JudgementFilters(run, *MAXIM, text=text), 5)) == 1, text
    assert turn_rows(store, JudgementFilters(run, *MAXIM, text="content1"), 5) == []


def test_pages_of_rows_and_what_is_known_of_them(store, runs):
    which = JudgementFilters(runs[0], *MAXIM)
    first, second = turn_rows(store, which, 2), turn_rows(store, which, 2, 2)
    assert [row.score for row in (*first, *second)] == [0.2, 0.4, 0.6, 0.7]
    assert [(row.attributed, row.contrasted) for row in first] == [(True, True), (False, False)]
    assert (first[0].bot, first[1].bot, first[0].source, first[0].reason) == ("Robin", None, "a.jsonl", "Because.")
    (unscored,) = turn_rows(store, which, 5, unscored=True)
    assert (unscored.conversation, unscored.turn, unscored.score) == ("beta", 5, None)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("source", [("a.jsonl", 3, 1, 1.8), ("b.csv", 2, 1, 1.0)]),
        ("bot", [("", 2, 1, 1.0), ("Alex", 1, 0, 0.7), ("Robin", 2, 1, 1.1)]),
        ("length", [(2, 1, 0, 0.7), (4, 2, 1, 1.1), (6, 2, 1, 1.0)]),
        ("turn", [(1, 3, 0, 2.2), (3, 2, 2, 0.6)]),
        ("day", [("2026-01-01", 2, 1, 1.1), ("2026-01-02", 3, 1, 1.7)]),
    ],
)
def test_groups(store, runs, by, expected):
    found = score_groups(store, JudgementFilters(runs[0], *MAXIM), by)
    assert [(one.key, one.n, one.below) for one in found] == [(key, n, below) for key, n, below, _ in expected]
    assert [one.total for one in found] == pytest.approx([total for *_, total in expected])


def test_a_groups_mean_and_interval(store, runs):
    first, second = score_groups(store, JudgementFilters(runs[0], *MAXIM), "turn")
    assert (second.mean, second.share) == (pytest.approx(0.3), 1.0)
    # 0.2 and 0.4: standard deviation sqrt(0.02), t(1) = 12.706, so 0.3 ± 1.27, cut to [0, 1].
    assert second.interval == pytest.approx((0.0, 1.0))
    # 0.9, 0.6, 0.7: variance 0.0233, t(2) = 4.303, so 0.733 ± 0.379.
    assert first.interval == pytest.approx((0.354, 1.0), abs=1e-3)
    (_, lone, _) = score_groups(store, JudgementFilters(runs[0], *MAXIM), "bot")
    assert lone.interval is None


def test_the_state_of_a_run_changes_with_its_judgements(store, runs):
    before = run_state(store, runs[0])
    assert run_state(store, runs[0]) == before
    keep(store, runs[0], talk("new", 1), {1: 0.1})
    assert run_state(store, runs[0]) != before
    assert run_state(store, 99) == ""


def test_a_conversation_with_its_judgements(store, runs):
    (number,) = find_conversations(store, runs[0], "alpha")
    found, judged = judged_conversation(store, runs[0], number)
    assert found.id == "alpha"
    assert [(one.turn, one.rubric, one.score) for one in judged] == [
        (1, "harm", 0.9),
        (1, "helpfulness", 0.5),
        (3, "harm", 0.2),
    ]
    assert explanation_kinds(store, runs[0], number) == {(3, "harm"): {"attribution", "contrast"}}
    assert explanation_kinds(store, runs[1], number) == {}
    assert find_conversations(store, runs[0], "nobody") == []
    assert judged_conversation(store, 99, number) is None
    assert turn_excerpts(store, [(number, 3), (number, 0)]) == ["Answer 1 of alpha.", "Question 0 of alpha?"]


def test_conversations_of_the_same_id(store, runs):
    keep(store, runs[0], talk("alpha", 1, "other.csv"), {1: 0.3})
    assert len(find_conversations(store, runs[0], "alpha")) == 2
    assert len(find_conversations(store, runs[1], "alpha")) == 1


def test_the_next_flagged_turn(store, runs):
    (alpha,), (beta,) = (find_conversations(store, runs[0], name) for name in ("alpha", "beta"))

    def after(number, turn, **options):
        return next_flagged(store, runs[0], *MAXIM, number, turn, **options)

    assert after(alpha, 0) == Place(alpha, "alpha", 3)
    assert after(alpha, 3) == Place(beta, "beta", 3)
    assert after(beta, 3) is None
    assert after(beta, 3, back=True) == Place(alpha, "alpha", 3)
    assert after(beta, 5, back=True) == Place(beta, "beta", 3)
    assert after(alpha, 3, back=True) is None


def test_contrasts_are_listed_and_narrowed(store, runs):
    (beta,) = find_conversations(store, runs[0], "beta")
    explain(store, runs[0], beta, talk("beta", 3, "b.csv", day=2), 3, 0.4)
    run = ContrastFilters(runs[0])
    found = contrast_rows(store, run, 10)
    assert [(row.conversation, row.before, row.after) for row in found] == [("alpha", 0.2, 0.8), ("beta", 0.4, 0.8)]
    assert found[0] == ContrastRow(found[0].number, "alpha", 3, "harm", "rescore", True, 0.2, 0.8, 4, None, None)
    assert contrast_rows(store, run, 1, 1) == found[1:]
    for narrowed, count in (
        ({}, 2),
        ({"margin": 0.5}, 1),
        ({"rises": True}, 2),
        ({"rises": False}, 0),
        ({"distance": 3}, 0),
        ({"distance": 4}, 2),
        ({"rubrics": ("harm",)}, 2),
        ({"rubrics": ("manner_1",)}, 0),
    ):
        assert contrast_count(store, replace(run, **narrowed)) == count, narrowed
    assert (longest_distance(store, runs[0]), longest_distance(store, runs[1])) == (4, 0)


def test_attempts_are_listed_on_request(store, runs):
    (number,) = find_conversations(store, runs[0], "alpha")
    one = talk("alpha", 2, bot="Robin", day=1)
    from convexplain.store import ScoredTurn, keep_contrast

    turn = ScoredTurn(number, one, 3, HARM, 0.2)
    keep_contrast(store, runs[0], turn, "other", contrast(turn, 1, "?", found=False, score=None))
    assert contrast_count(store, ContrastFilters(runs[0])) == 1
    assert [row.found for row in contrast_rows(store, ContrastFilters(runs[0], found=False), 5)] == [True, False]


def test_the_newest_review_counts(store, runs):
    (row,) = contrast_rows(store, ContrastFilters(runs[0]), 5)
    for reviewer, decision in (("anna", "accept"), ("ben", "reject"), ("anna", "accept")):
        keep_review(store, Review(row.number, reviewer, decision))
    (again,) = contrast_rows(store, ContrastFilters(runs[0]), 5)
    assert (again.decision, again.reviewer) == ("accept", "anna")
    for said, count in ((("open",), 0), (("accept",), 1), (("reject", "fix"), 0), (("open", "accept"), 1)):
        assert contrast_count(store, ContrastFilters(runs[0], reviewed=said)) == count, said


def test_a_contrast_by_its_number(store, runs):
    (row,) = contrast_rows(store, ContrastFilters(runs[0]), 5)
    number, conversation, found = find_contrast(store, row.number)
    assert (conversation.id, found.turn, found.score_after) == ("alpha", 3, 0.8)
    assert find_conversations(store, runs[0], "alpha") == [number]
    with pytest.raises(StoreError, match="there is no contrast 999"):
        find_contrast(store, 999)


def test_a_contrast_goes_with_its_reviews(store, runs):
    (row,) = contrast_rows(store, ContrastFilters(runs[0]), 5)
    keep_review(store, Review(row.number, "anna", "accept"))
    with store.engine.begin() as connection:
        connection.execute(schema.runs.delete().where(schema.runs.c.id == runs[0]))
        assert connection.execute(schema.pair_reviews.select()).all() == []
    assert contrast_count(store, ContrastFilters(runs[0], found=False)) == 0
    assert turn_rows(store, JudgementFilters(runs[0], *MAXIM), 5) == []


def test_two_runs_side_by_side(store, runs):
    maxims = shared_maxims(store, *runs)
    assert [(maxim[0], maxim[2], maxim[4]) for maxim in maxims] == [
        ("harm", HARM.sha, 0.5),
        ("helpfulness", HELPFULNESS.sha, HELPFULNESS.threshold),
    ]
    found = paired_scores(store, runs[0], HARM.sha, runs[1], HARM.sha)
    ids = conversation_ids(store, found.numbers.tolist())
    assert [ids[number] for number in found.numbers] == ["alpha", "alpha", "beta", "beta", "beta", "gamma"]
    assert found.turns.tolist() == [1, 3, 1, 3, 5, 1]
    np.testing.assert_allclose(found.before, [0.9, 0.2, 0.6, 0.4, np.nan, 0.7])
    np.testing.assert_allclose(found.after, [1.0, 0.4, 0.8, 0.6, np.nan, 0.9])
    assert not found.by_id


def test_another_bots_answers_are_matched_by_the_conversations_ids(store, runs):
    run = store.begin_run("m", "g", {}, [HARM]).id
    keep(store, run, replace(talk("beta", 2), source="v2"), {1: 0.1, 3: 0.9})
    keep(store, run, talk("delta", 1), {1: 0.5})
    found = paired_scores(store, runs[0], HARM.sha, run, HARM.sha)
    assert found.by_id
    assert (found.turns.tolist(), found.before.tolist(), found.after.tolist()) == ([1, 3], [0.6, 0.4], [0.1, 0.9])
    assert set(found.numbers) != set(found.numbers_after)


def test_bots_that_give_some_answers_alike_are_compared_on_all(store, runs):
    """The conversation that both bots have in common does not hide the others."""
    run = store.begin_run("m", "g", {}, [HARM]).id
    keep(store, run, talk("alpha", 2, bot="Robin", day=1), {1: 0.9, 3: 0.2})
    keep(store, run, replace(talk("beta", 2), source="v2"), {1: 0.1, 3: 0.9})
    found = paired_scores(store, runs[0], HARM.sha, run, HARM.sha)
    assert (found.by_id, found.same_texts) == (True, False)
    assert (found.turns.tolist(), found.after.tolist()) == ([1, 3, 1, 3], [0.9, 0.2, 0.1, 0.9])


def test_answers_are_matched_by_the_users_messages_where_ids_differ(store, runs):
    """`beta` under another id, with a call of a tool before its second answer; half of the smaller run must match."""
    run = store.begin_run("m", "g", {}, [HARM]).id
    beta = talk("beta", 3)
    turns = (*beta.turns[:3], Turn("tool", "Looked up."), *beta.turns[3:])
    keep(store, run, replace(beta, id="b-17", turns=turns), {1: 0.1, 4: 0.9})
    keep(store, run, talk("delta", 1), {1: 0.5})
    found = paired_scores(store, runs[0], HARM.sha, run, HARM.sha)
    assert (found.by_id, found.by_messages) == (False, True)
    assert (found.turns.tolist(), found.turns_after.tolist()) == ([1, 3], [1, 4])
    assert (found.before.tolist(), found.after.tolist()) == ([0.6, 0.4], [0.1, 0.9])
    keep(store, run, talk("epsilon", 1), {1: 0.5})  # now one of three
    assert len(paired_scores(store, runs[0], HARM.sha, run, HARM.sha).turns) == 0


def test_an_id_alone_makes_no_pair(store, runs):
    """Readers make ids of a file's name and a number: next week's conversation of the same id is another one."""
    run = store.begin_run("m", "g", {}, [HARM]).id
    beta = talk("beta", 2)
    turns = tuple(replace(turn, content="Another question") if turn.role == "user" else turn for turn in beta.turns)
    keep(store, run, replace(beta, turns=turns), {1: 0.1})
    assert len(paired_scores(store, runs[0], HARM.sha, run, HARM.sha).turns) == 0


def test_runs_with_nothing_in_common(store, runs):
    run = store.begin_run("m", "h", {}, [load_rubric("manner_1")]).id
    assert shared_maxims(store, runs[0], run) == []
    found = paired_scores(store, runs[0], HARM.sha, run, HARM.sha)
    assert len(found.turns) == 0
