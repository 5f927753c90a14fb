"""What the store keeps of attributions: the same on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from convexplain import Attribution, Unit, load_rubric
from convexplain.store import (
    ScoredTurn,
    attributions,
    keep_attributions,
    newest_attributions,
    schema,
    stored_attributions,
)
from convexplain.store.attributions import target_attributions
from convexplain.types import Interaction

STRANGE = "t\x00\ud800\\x00é"
TURNS = Attribution(
    conversation_id="late-parcel",
    turn=3,
    rubric="helpfulness",
    question="rescore",
    method="joint",
    level="turn",
    scalarizer="log_odds",
    units=(Unit(0, 0, 5, "turn"), Unit(1, 0, 7, "turn"), Unit(2, 0, 9, "turn")),
    scores=(1 / 3, None, -2.0),
    side=-1,
    full=-1.5,
    baseline=None,
    score=0.2,
    noise=0.1,
    chosen=(0, 2),
    drop=1.25,
    perturbed="remove",
    calls=7,
    failed=1,
    seconds=0.5,
    judge=STRANGE,
    responder=None,
    notes=(STRANGE, "b"),
)
SENTENCES = replace(TURNS, level="sentence", units=(Unit(1, 2, 7, "sentence"),), scores=(0.0,), chosen=(), drop=None)


@pytest.fixture
def run(store, helpfulness):
    return store.begin_run("m", "f", {}, [helpfulness, load_rubric("harm")]).id


@pytest.fixture
def turn(store, run, talk, helpfulness):
    return ScoredTurn(store.keep_conversation(talk, run), talk, 3, helpfulness, 0.2)


def test_all_levels_come_back_as_they_were(store, run, turn, talk):
    assert stored_attributions(store, run, turn, "s") is None
    keep_attributions(store, run, turn, "s", [TURNS, SENTENCES])
    assert stored_attributions(store, run, turn, "s") == [TURNS, SENTENCES]
    assert list(attributions(store, run)) == [(turn.number, talk, [TURNS, SENTENCES])]


def test_those_of_other_settings_turns_rubrics_and_runs_are_others(store, run, turn, helpfulness):
    keep_attributions(store, run, turn, "s", [TURNS])
    assert stored_attributions(store, run, turn, "other") is None
    assert stored_attributions(store, run, replace(turn, turn=1), "s") is None
    assert stored_attributions(store, run, replace(turn, rubric=load_rubric("harm")), "s") is None
    assert stored_attributions(store, store.begin_run("m", "g", {}, [helpfulness]).id, turn, "s") is None


def test_the_same_settings_again_take_the_place(store, run, turn):
    keep_attributions(store, run, turn, "s", [TURNS])
    keep_attributions(store, run, turn, "s", [SENTENCES])
    assert [found for _, _, found in attributions(store, run)] == [[SENTENCES]]


def test_the_newest_of_the_score_is_what_a_contrast_looks_by(store, run, turn):
    assert newest_attributions(store, run, turn) == []
    keep_attributions(store, run, turn, "a", [SENTENCES])
    keep_attributions(store, run, turn, "b", [TURNS])
    keep_attributions(store, run, turn, "c", [replace(TURNS, scalarizer="logprob")])
    assert newest_attributions(store, run, turn) == [TURNS]
    assert newest_attributions(store, run, replace(turn, turn=1)) == []


def test_interactions_come_back_and_old_rows_have_none(store, run, turn):
    pair = replace(TURNS, interactions=(Interaction((0, 2), -1.5, (1.0, 1.0, 0.5, -1.0)),))
    keep_attributions(store, run, turn, "a", [pair])
    assert stored_attributions(store, run, turn, "a") == [pair]
    with store.engine.begin() as connection:
        (body,) = connection.execute(sa.select(schema.attributions.c.body)).scalars().one()
        assert body["interactions"] == [{"units": [0, 2], "value": -1.5, "fitted": [1.0, 1.0, 0.5, -1.0]}]
        bare = {**body, "interactions": [{"units": [0, 2], "value": -1.5}]}
        connection.execute(sa.update(schema.attributions).values(body=[bare]))
    without_fitted = replace(TURNS, interactions=(Interaction((0, 2), -1.5),))
    assert stored_attributions(store, run, turn, "a") == [without_fitted]
    with store.engine.begin() as connection:
        old = {name: field for name, field in body.items() if name != "interactions"}
        connection.execute(sa.update(schema.attributions).values(body=[old]))
    assert stored_attributions(store, run, turn, "a") == [TURNS]


def test_old_rows_have_no_target_and_a_span_is_none_of_the_turn(store, run, turn):
    """Of the newest two the newer one explains a span of the reply: that of the reply is the turn's."""
    keep_attributions(store, run, turn, "a", [TURNS])
    keep_attributions(store, run, turn, "b", [replace(TURNS, target="It left.", level="mixed")])
    assert newest_attributions(store, run, turn) == [TURNS]
    assert stored_attributions(store, run, turn, "b")[0].target == "It left."
    with store.engine.begin() as connection:
        bodies = [dict(level) for level in connection.execute(sa.select(schema.attributions.c.body)).scalars().first()]
        for body in bodies:
            body.pop("target")
        connection.execute(sa.update(schema.attributions).values(body=bodies))
    assert newest_attributions(store, run, turn)[0].target == ""


def test_of_each_part_of_the_reply_the_newest_is_returned(store, run, turn):
    def kept(settings, target, calls, **fields):
        keep_attributions(store, run, turn, settings, [replace(TURNS, target=target, calls=calls, **fields)])

    kept("a", "", 1)
    kept("b", "It left.", 2)
    kept("c", "On Monday.", 3)
    kept("d", "It left.", 4)
    kept("e", "It left.", 5, scalarizer="logprob")  # another value of the same part
    of_parts = target_attributions(store, run, turn)
    assert [(levels[0].target, levels[0].calls) for levels in of_parts] == [
        ("It left.", 5), ("It left.", 4), ("On Monday.", 3),
    ]  # fmt: skip
