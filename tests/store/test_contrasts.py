"""What the store keeps of contrasts and noise floors: the same on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from convexplain import Contrast, Conversation, Edit, Turn, Unit, load_rubric
from convexplain.store import (
    ScoredTurn,
    contrasts,
    explained_turns,
    keep_contrast,
    keep_noise_floor,
    noise_floor,
    run_rubrics,
    scored_places,
    scored_turns,
    stored_contrast,
    turn_contrasts,
)
from convexplain.types import Evidence, Judgement, ParetoPoint

STRANGE = "t\x00\ud800\\x00é"
INDIA = timezone(timedelta(hours=5, minutes=30))


def contrast(**fields):
    values = {
        "conversation_id": "late-parcel",
        "turn": 3,
        "rubric": "helpfulness",
        "question": "rescore",
        "goal": "cross",
        "search": "guided",
        "found": True,
        "delta": 0.1,
        "score_before": 0.2,
        "score_after": 1 / 3,
        "score_again": None,
        "edits": (Edit(Unit(1, 0, 2, "word"), "It", STRANGE), Edit(Unit(1, 3, 7, "word"), "left", "x")),
        "turns": (Turn("user", STRANGE, STRANGE, datetime(2024, 1, 2, 3, 4, 5, 6, INDIA), {STRANGE: [1, None]}),),
        "response_before": STRANGE,
        "response_after": STRANGE,
        "calls": 4,
        "prompts": 3,
        "infills": 2,
        "failed": 1,
        "trace": ((1, -0.25), (2, None)),
        "edit_distance": 2,
        "edit_rate": 0.25,
        "stopped": "found",
        "seconds": 0.1,
        "judge": STRANGE,
        "responder": None,
        "infiller": "i",
        "notes": (STRANGE,),
        "editable": (1,),
        "kept_scores": {"harm": (0.9, 1 / 3), "manner_1": (0.5, None)},
        "conflicts": {"harm": 2},
        "pareto": (ParetoPoint(((1, STRANGE),), {"helpfulness": 0.4, "harm": 0.9}, 3, STRANGE),),
    }
    return Contrast(**{**values, **fields})


def judgement(turn, score, rubric="helpfulness", conversation="late-parcel"):
    return Judgement(conversation, turn, rubric, score, None, None, Evidence(), "m", "s")


@pytest.fixture
def run(store, helpfulness):
    return store.begin_run("m", "f", {}, [helpfulness, load_rubric("harm")]).id


@pytest.fixture
def turn(store, run, talk, helpfulness):
    number = store.keep_conversation(talk, run)
    store.keep_judgement(run, number, helpfulness, judgement(3, 0.2))
    return ScoredTurn(number, talk, 3, helpfulness, 0.2)


@pytest.mark.parametrize(
    "kept",
    [
        contrast(),
        contrast(edits=(), turns=(), trace=(), notes=(), found=False),
        contrast(
            score_before=None, score_after=None, edit_rate=None, responder=STRANGE, score_again=0.5, delta=0.1 + 0.2
        ),
        contrast(turns=(Turn("system", ""), Turn("tool", "x", metadata={"a": {"b": [True, 1.5]}}))),
    ],
)
def test_a_contrast_comes_back_as_it_was(store, run, turn, talk, kept):
    keep_contrast(store, run, turn, "a" * 64, kept)
    assert stored_contrast(store, run, turn, "a" * 64) == kept
    assert list(contrasts(store, run)) == [(talk, kept)]


def test_a_time_keeps_its_zone(store, run, turn):
    keep_contrast(store, run, turn, "a", contrast())
    (said,) = [one.at for one in stored_contrast(store, run, turn, "a").turns]
    assert said.utcoffset() == timedelta(hours=5, minutes=30)


def test_one_contrast_for_each_run_turn_rubric_and_settings(store, run, turn, talk):
    places = [(turn, "a"), (turn, "b"), (replace(turn, turn=1), "a"), (replace(turn, rubric=load_rubric("harm")), "a")]
    for i, (place, settings) in enumerate(places):
        assert stored_contrast(store, run, place, settings) is None
        keep_contrast(store, run, place, settings, contrast(calls=i))
    assert [found.calls for _, found in contrasts(store, run)] == [0, 1, 2, 3]
    assert stored_contrast(store, run + 1, turn, "a") is None
    keep_contrast(store, run, turn, "a", contrast(calls=9, found=False))
    assert [found.calls for _, found in contrasts(store, run)] == [9, 1, 2, 3]
    with store.engine.connect() as connection:
        row = connection.execute(sa.text("SELECT found, score_after, turn FROM contrasts ORDER BY id")).first()
    assert (bool(row.found), row.score_after, row.turn) == (False, 1 / 3, 3)


def test_contrasts_go_with_their_run(store, run, turn):
    keep_contrast(store, run, turn, "a", contrast())
    with store.engine.begin() as connection:
        connection.execute(sa.text(f"DELETE FROM runs WHERE id = {run}"))
    assert list(contrasts(store, run)) == []


def test_the_rubrics_of_a_run_are_those_that_it_judged_by_as_they_were(store, run, talk, helpfulness):
    own = replace(load_rubric("harm"), id="own", requirement=STRANGE, notes=("n",))
    later = store.begin_run("m", "g", {}, [own])
    number = store.keep_conversation(talk, later.id)
    store.keep_judgement(later.id, number, own, judgement(1, 0.5, "own"))
    store.keep_judgement(later.id, number, helpfulness, judgement(1, 0.5))
    found = run_rubrics(store, later.id)
    assert found == [own, helpfulness]
    assert [rubric.sha for rubric in found] == [own.sha, helpfulness.sha]
    assert run_rubrics(store, run) == []  # has judged nothing


def test_scored_turns_come_the_lowest_first(store, run, talk, helpfulness):
    other = replace(talk, id=f"b:{STRANGE}")
    numbers = {item.id: store.keep_conversation(item, run) for item in (talk, other)}
    for item, turn, score in ((talk, 1, 0.7), (talk, 3, 0.1), (other, 1, None), (other, 3, 0.4)):
        store.keep_judgement(run, numbers[item.id], helpfulness, judgement(turn, score))
    store.keep_judgement(run, numbers[talk.id], load_rubric("harm"), judgement(1, 0.0, "harm"))

    def found(**options):
        return [
            (item.number, item.conversation.id, item.turn, item.score)
            for item in scored_turns(store, helpfulness, scored_places(store, run, helpfulness, **options))
        ]

    low, middle = (numbers[talk.id], talk.id, 3, 0.1), (numbers[other.id], other.id, 3, 0.4)
    assert found() == [low, middle, (numbers[talk.id], talk.id, 1, 0.7)]
    assert found(below=0.7) == [low, middle]  # not the one that scored 0.7
    assert found(place=(other.id, 3)) == [middle]
    assert found(place=(other.id, 1)) == [(numbers[other.id], other.id, 1, None)]
    assert found(place=("nobody", 1)) == []
    first = next(scored_turns(store, helpfulness, scored_places(store, run, helpfulness)))
    assert first.conversation == talk


def test_a_noise_floor_is_that_of_one_model_on_one_rubric_and_the_last_one_stays(store, helpfulness):
    assert noise_floor(store, "m", helpfulness) is None
    keep_noise_floor(store, "m", helpfulness, 0.1, turns=20, n=400)
    keep_noise_floor(store, "m", helpfulness, 1 / 3, turns=21, n=399)
    assert noise_floor(store, "m", helpfulness) == 1 / 3
    assert noise_floor(store, "other", helpfulness) is None
    assert noise_floor(store, "m", load_rubric("harm")) is None
    assert noise_floor(store, "m", helpfulness, samples=5) is None  # sampled replies move otherwise
    with store.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT turns, n FROM noise_floors")).all() == [(21, 399)]
    keep_noise_floor(store, "m", helpfulness, 0.25, turns=20, n=380, samples=5)
    assert noise_floor(store, "m", helpfulness, samples=5) == 0.25
    assert noise_floor(store, "m", helpfulness) == 1 / 3


def test_a_conversation_with_strange_text_is_found_again(store, run, helpfulness):
    strange = Conversation(STRANGE, (Turn("assistant", STRANGE),), STRANGE)
    number = store.keep_conversation(strange, run)
    store.keep_judgement(run, number, helpfulness, judgement(0, 0.5))
    (turn,) = scored_turns(store, helpfulness, scored_places(store, run, helpfulness, place=(STRANGE, 0)))
    assert turn.conversation == strange
    keep_contrast(store, run, turn, "a", contrast())
    assert list(contrasts(store, run)) == [(strange, contrast())]


def test_the_contrasts_of_one_turn_begin_with_the_newest_that_was_found(store, run, turn):
    for i, (settings, found) in enumerate([("a", True), ("b", False), ("c", True), ("d", False)]):
        keep_contrast(store, run, turn, settings, contrast(calls=i, found=found))
    keep_contrast(store, run, replace(turn, turn=1), "a", contrast(calls=9))
    assert [found.calls for found in turn_contrasts(store, run, turn)] == [2, 0, 3, 1]
    assert turn_contrasts(store, run + 1, turn) == []


def test_explained_turns_come_by_their_scores(store, run, turn, talk, helpfulness):
    other = store.keep_conversation(replace(talk, id="other"), run)
    store.keep_judgement(run, other, helpfulness, judgement(3, 0.1, conversation="other"))
    store.keep_judgement(run, other, helpfulness, judgement(1, 0.0, conversation="other"))  # is not explained
    whole = store.run(run)
    assert explained_turns(store, whole, helpfulness.sha, 10) == []
    for settings in ("a", "b"):
        keep_contrast(store, run, turn, settings, contrast())
    keep_contrast(store, run, replace(turn, number=other), "a", contrast())
    found = explained_turns(store, whole, helpfulness.sha, 10)
    assert [(one.number, one.judgement.score) for one in found] == [(other, 0.1), (turn.number, 0.2)]
    assert len(explained_turns(store, whole, helpfulness.sha, 1)) == 1
    assert explained_turns(store, whole, load_rubric("harm").sha, 10) == []
