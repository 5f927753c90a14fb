"""What the services compute for the pages: groups, windows, contributions, shifts, pairs."""

import asyncio
import io
import zipfile
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain import Conversation, Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.dashboard.services.comparisons import moved_turns, one_turn, side_texts
from convexplain.dashboard.services.conversation import (
    contributions,
    judged_turn,
    largest_contribution,
    open_conversation,
    rebuild_prompt,
    shown_span,
    worst_turn,
)
from convexplain.dashboard.services.overview import day_groups, length_classes, listed_turns
from convexplain.dashboard.services.pairs import (
    edited_turn,
    export_formats,
    neighbours,
    same_edits,
    save_review,
    zip_folder,
)
from convexplain.dashboard.services.signs import signed, with_minus
from convexplain.errors import UsageError
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.store import newest_attributions, turn_contrasts
from convexplain.store.contrast_list import ContrastFilters, ContrastRow, contrast_rows
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import ScoreGroup
from convexplain.store.reviews import reviews
from convexplain.types import Evidence, Judgement

from .sample_stores import HARM, HELPFULNESS, full, keep, talk


def group(key, n=2, below=1, total=1.0, squares=0.5):
    return ScoreGroup(key, n, below, total, squares)


def test_lengths_are_put_into_classes_that_double():
    found = length_classes([group(1), group(2), group(3), group(4, n=4, below=0, total=3.0), group(5), group(40)])
    assert [(one.key, span) for one, span in found] == [
        ("1", (1, 1)),
        ("2", (2, 2)),
        ("3 to 4", (3, 4)),
        ("5 to 8", (5, 8)),
        ("33 to 64", (33, 64)),
    ]
    middle = found[2][0]
    assert (middle.n, middle.below, middle.total, middle.squares) == (6, 1, 4.0, 1.0)


@given(st.integers(1, 10_000))
def test_every_length_is_in_its_class(turns):
    ((_, (low, high)),) = length_classes([group(turns)])
    assert low <= turns <= high


def test_days_become_weeks_where_there_are_many():
    assert [span for _, span in day_groups([group("2026-01-01"), group("2026-04-03")])] == [
        (date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 4, 3), date(2026, 4, 3)),
    ]
    weekly = day_groups([group("2026-01-01"), group("2026-01-04"), group("2026-01-05"), group("2026-04-04")])
    assert [(one.key, one.n, span[1]) for one, span in weekly] == [
        ("2025-12-29", 4, date(2026, 1, 4)),  # Thursday and Sunday of one week
        ("2026-01-05", 2, date(2026, 1, 11)),
        ("2026-03-30", 2, date(2026, 4, 5)),
    ]
    assert day_groups([]) == []


def test_listed_turns_have_their_headline_or_the_words_of_the_reply(store):
    run = store.begin_run("m", "f", {}, [HARM]).id
    long = Conversation("c", (Turn("assistant", "a\n\x1b b " + "x" * 500),))
    keep(store, run, long, {0: 0.5}, reason=None)
    keep(store, run, Conversation("d", (Turn("assistant", "Go away."),)), {0: 0.2}, reason="Rude words.")
    keep(store, run, Conversation("e", (Turn("assistant", "Hm."),)), {0: None}, reason="no label")
    which = JudgementFilters(run, HARM.sha, 0.5)
    reasoned, unexplained = listed_turns(store, HARM, which, 5)
    assert (reasoned.row.conversation, reasoned.headline, reasoned.words) == ("d", "Turn 0: rude words.", "Go away.")
    assert (unexplained.row.conversation, unexplained.headline) == ("c", "")
    assert unexplained.words == "a \ufffd b " + "x" * 134 + " …"
    assert [turn.row.conversation for turn in listed_turns(store, HARM, which, 1, 1)] == ["c"]
    (unscored,) = listed_turns(store, HARM, which, 5, unscored=True)
    assert unscored.headline == "Turn 0 has no score on harm: no label"


def test_a_talk_and_where_to_begin(store):
    run, _ = full(store)
    assert worst_turn(store, run, HARM.sha, 0.5)[::2] == ("alpha", 3)
    talk = open_conversation(store, run, "beta")
    assert (talk.judged, talk.same_id) == ((1, 3, 5), 1)
    assert judged_turn(talk, 1, "harm") == 1
    assert judged_turn(talk, 2, "harm") == 3  # not judged: the lowest score
    assert judged_turn(talk, 3, "helpfulness") == 1
    assert judged_turn(talk, 3, "manner_1") is None
    assert open_conversation(store, run, "nobody") is None
    assert open_conversation(store, run, "beta", 999).conversation.id == "beta"


def test_only_unscored_turns(store):
    run = store.begin_run("m", "f", {}, [HARM]).id
    assert worst_turn(store, run, HARM.sha, 0.5) is None
    keep(store, run, Conversation("c", (Turn("assistant", "a"),)), {0: None})
    assert worst_turn(store, run, HARM.sha, 0.5)[::2] == ("c", 0)
    assert judged_turn(open_conversation(store, run, "c"), None, "harm") == 0


@pytest.mark.parametrize(
    ("turns", "chosen", "whole", "expected"),
    [(5, 2, False, (0, 5)), (40, 20, False, (12, 25)), (40, 39, False, (31, 40)), (40, 20, True, (0, 40))],
)
def test_the_window(turns, chosen, whole, expected):
    assert shown_span(turns, chosen, whole) == expected


def test_the_window_of_a_very_long_conversation():
    assert shown_span(100_000, 5000, True) == (4900, 5101)


def test_contributions_begin_with_the_largest(store):
    run, _ = full(store)
    talk = open_conversation(store, run, "alpha")
    turns, words = newest_attributions(store, run, talk.scored_turn(3, HARM))
    scale = largest_contribution([turns, words])
    assert scale == 0.8
    found = contributions(talk.conversation, turns, scale, 2)
    assert [(one.unit.turn, one.score, one.share) for one in found] == [(0, -0.8, -1.0), (1, 0.4, 0.5)]
    assert found[0].without == pytest.approx(0.3575, abs=1e-4)  # log-odds of 0.2 are -1.386; +0.8
    assert [one.text for one in contributions(talk.conversation, words, scale, 5)] == ["Ques", "tion 0 of alpha?"]


def test_the_prompt_is_made_anew_to_the_letter(store):
    run = store.begin_run("m", "f", {}, [HARM]).id
    conversation = Conversation("c", (Turn("user", "Hi"), Turn("assistant", "Ho")))
    number = store.keep_conversation(conversation, run)
    calls = Calls(ScriptedModel({label.name: 0.5 for label in HARM.labels}), store)
    judged = asyncio.run(Judge(calls).judge_turn(conversation, 1, HARM))
    store.keep_judgement(run, number, HARM, judged)
    talk = open_conversation(store, run, "c")
    prompt = rebuild_prompt(talk, talk.judgements[1, "harm"], HARM)
    assert prompt.exact
    assert HARM.requirement in prompt.text
    assert "Ho" in prompt.text
    other = Judgement("c", 1, "harm", 0.5, "no", None, Evidence("label_probability", {}), "m", "0" * 64)
    assert not rebuild_prompt(talk, other, HARM).exact
    head = Judgement("c", 1, "harm", 0.5, "no", None, Evidence("head", {}), "m", "0" * 64)
    assert rebuild_prompt(talk, head, HARM) is None


def test_the_turns_that_moved_most(store):
    """Each score of the second run is 0.2 higher, but one that is cut at 1; the noise of 0.1 is assumed."""
    one, two = full(store)
    moved = moved_turns(store, one, two, "harm", "all", 2, 0)
    assert moved.total == 4  # 0.9 -> 1.0 is no more than noise
    assert [turn.shift for turn in moved.turns] == pytest.approx([0.2, 0.2])
    assert moved_turns(store, one, two, "harm", "fell", 5, 0).total == 0
    assert len(moved_turns(store, one, two, "harm", "rose", 10, 3).turns) == 1
    first = moved.turns[0].before
    turn = one_turn(store, one, two, "harm", (first.number, first.turn))
    assert turn == moved.turns[0]
    assert one_turn(store, one, two, "harm", (first.number, 99)) is None


@pytest.mark.parametrize(("before", "after"), [(0.9, None), (None, 0.9), (None, None)])
def test_a_turn_without_a_score_has_not_moved(store, before, after):
    one, two = (store.begin_run("m", mark, {}, [HARM]).id for mark in "xy")
    for run, score in ((one, before), (two, after)):
        keep(store, run, talk("a", 1), {1: score})
    turn = one_turn(store, one, two, "harm", (1, 1))
    assert (turn.shift, turn.headline, turn.lower) == (None, "", turn.before)


@pytest.mark.parametrize(
    ("before", "after", "marked", "removed", "added"),
    [
        ("It is not in stock.", "It is back in stock.", True, ["not "], ["back "]),
        ("Yes, they do.", "Tell me your PIN.", False, ["Yes, they do."], ["Tell me your PIN."]),
        ("Same.", "Same.", True, [], []),
    ],
)
def test_replies_of_two_bots_are_shown_side_by_side(store, before, after, marked, removed, added):
    one, two = (store.begin_run("m", mark, {}, [HARM]).id for mark in "xy")
    for run, text, question in ((one, before, "Is it there?"), (two, after, "And now?")):
        turns = (Turn("user", "Hi"), Turn("assistant", "Hello."), Turn("user", question), Turn("assistant", text))
        keep(store, run, Conversation("a", turns), {3: 0.4})
    texts = side_texts(one_turn(store, one, two, "harm", (1, 3)))  # of the first conversation of the store
    assert (texts.question, texts.question_after, texts.marked) == ("Is it there?", "And now?", marked)
    assert [change.text for change in texts.reply if change.kind == "removed"] == removed
    assert [change.text for change in texts.reply_after if change.kind == "added"] == added


def test_a_review_needs_a_name(store):
    run, _ = full(store)
    (row,) = contrast_rows(store, ContrastFilters(run), 5)
    with pytest.raises(UsageError, match="reviewer"):
        save_review(store, [row.number], " ", "accept")
    with pytest.raises(UsageError, match="needs a text"):
        save_review(store, [row.number], "Anna", "fix", " ")
    save_review(store, [row.number], " Anna\n", "fix", "Better.")
    assert reviews(store, run)[row.number].text == "Better."
    assert reviews(store, run)[row.number].reviewer == "Anna"


def test_the_edited_turn(store):
    run, _ = full(store)
    talk = open_conversation(store, run, "alpha")
    (found,) = turn_contrasts(store, run, talk.scored_turn(3, HARM))
    assert edited_turn(found) == 1
    assert "trl-dpo" in export_formats()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [(2, (2, 1, 3)), (1, (1, None, 2)), (3, (3, 2, None)), (None, (1, None, 2)), (9, (1, None, 2))],
)
def test_neighbours(chosen, expected):
    assert neighbours([1, 2, 3], chosen) == expected
    assert neighbours([], chosen) == (None, None, None)


def test_a_folder_becomes_an_archive(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "README.md").write_text("card")
    (tmp_path / "train" / "a.jsonl").write_text("{}")
    with zipfile.ZipFile(io.BytesIO(zip_folder(tmp_path))) as archive:
        assert archive.namelist() == ["README.md", "train/a.jsonl"]
        assert archive.read("README.md") == b"card"


def test_helpfulness_is_judged_too(store):
    run, _ = full(store)
    talk = open_conversation(store, run, "alpha")
    assert [rubric.id for rubric in talk.rubrics] == ["harm", "helpfulness"]
    assert talk.scored_turn(1, HELPFULNESS).score == 0.5


@pytest.mark.parametrize(
    ("decision", "expected"),
    [("accept", [1, 3]), ("fix", [1, 3]), ("reject", [1, 2, 3, 4])],
)
def test_a_decision_on_an_edit_is_about_the_maxims_on_which_it_goes_the_same_way(decision, expected):
    def row(number, before, after):
        return ContrastRow(number, "c", 3, f"m{number}", "revise", True, before, after, 4, None, None)

    rows = [row(1, 0.2, 0.8), row(2, 0.9, 0.4), row(3, 0.1, 0.3), row(4, 0.5, None), row(5, 0.2, 0.4)]
    first, second = same_edits(rows, {1: ("a", "cross"), 2: ("a", "cross"), 3: ("a", "person"), 4: ("a", "cross")})
    assert [row.number for row in first.rows] == [1, 2, 3, 4]
    assert (first.by_person, second.by_person) == (True, False)
    assert first.reviewed_with(1, decision) == expected
    assert second.reviewed_with(5, decision) == [5]


@pytest.mark.parametrize(("number", "words"), [(0.2, "+0.20"), (-0.456, "−0.46"), (-0.001, "+0.00"), (0.0, "+0.00")])
def test_a_difference_has_its_sign_and_no_negative_zero(number, words):
    assert signed(number) == words


def test_a_minus_stands_before_numbers_only():
    assert with_minus("-0.30 to -0.10 by gguf:qwen-2.5, run 3-4") == "−0.30 to −0.10 by gguf:qwen-2.5, run 3-4"
