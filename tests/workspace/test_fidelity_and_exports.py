"""Fidelity of a run's attributions, and its exports, with scripted models."""

import json

import pytest

from convexplain import Workspace, read_log
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.explain.pairs import PairSettings
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.workspace import AttributionTask, ContrastTask, FidelitySettings
from tests.fake_infiller import WORD_SEARCH, FakeInfiller
from tests.reviewed_contrasts import accept_all

from .test_explanations import LOO, Told, talk
from .test_functions import bananas, depot

WORDS = ContrastTask(ContrastSettings(question="rescore", **WORD_SEARCH))


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    yield opened
    opened.close()


@pytest.fixture
def judge():
    return ScriptedModel(depot)


@pytest.fixture
def run(workspace, judge):
    return workspace.analyze([talk("a"), talk("b")], "helpfulness", judge, turns="last")


def test_orders_are_measured_beside_those_that_know_nothing(workspace, run, judge):
    workspace.explain_turns(run.id, LOO, judge=judge)
    workspace.explain_turns(run.id, AttributionTask(AttributionSettings("clime", ("turn",))), judge=judge)
    progress = Told()
    measured = workspace.fidelity(run.id, judge, settings=FidelitySettings(complete=True), progress=progress)
    assert measured.orders == ["loo", "clime", "random", "length", "position"]
    assert progress.events == [("measuring", 2), "end"]
    values = {(item.order, item.measure): item for item in measured.measures}
    # Turn 1 alone lowers the score: where it goes first, the rise is there from the first step on.
    assert values["loo", "aupc"].value.value == values["clime", "aupc"].value.value
    assert values["loo", "aupc"].value.value >= values["position", "aupc"].value.value
    assert (values["loo", "aupc"].value.n, values["random", "aupc"].difference) == (2, None)
    assert ("loo", "deletion") in values
    assert ("loo", "bleu") not in values, "logged answers stay as they are"
    (agreement,) = [item for item in measured.agreements if len(item.methods) == 2]
    # LOO's two zeros are ties; C-LIME's fit tells them apart by its rounding: (2.5, 1, 2.5) against (2, 1, 3).
    assert (agreement.methods, agreement.value.n) == (("loo", "clime"), 2)
    assert agreement.value.value == pytest.approx(3**0.5 / 2)
    assert measured.to_dict()["agreements"][0]["methods"] == ("loo", "clime")
    frame = measured.to_pandas()
    assert len(frame) == len(measured.measures)
    assert list(frame.columns) == ["order", "measure", "value", "low", "high", "turns", "difference"]


def test_the_judge_itself_may_be_asked_and_turns_be_limited(workspace, run, judge):
    workspace.explain_turns(run.id, LOO, judge=judge)
    itself = ScriptedModel(
        lambda request: '{"turns": [1]}' if "mattered most" in request.messages[0].content else depot(request)
    )
    settings = FidelitySettings(self_explanation=True, limit=1)
    measured = workspace.fidelity(run.id, itself, settings=settings)
    assert ("self-explanation" in measured.orders, len(measured.turns)) == (True, 1)
    assert not any(item.measure == "deletion" for item in measured.measures)


def test_without_attributions_there_is_nothing_to_measure(workspace, run, judge):
    with pytest.raises(UsageError, match="run 1 has no attributions to units of level turn of logged answers"):
        workspace.fidelity(run.id, judge)


def test_pairs_are_written_by_the_judge_that_is_named(workspace, run, judge, tmp_path):
    workspace.explain_turns(run.id, WORDS, judge=judge, infiller=FakeInfiller())
    accept_all(workspace.store)
    good = ScriptedModel(
        lambda request: {"yes": 0.9, "no": 0.1} if "lorry" in str(request.messages) else {"no": 1.0}, name="good"
    )
    progress = Told()
    exported = workspace.export(run.id, "jsonl", tmp_path / "data", judge=good, progress=progress)
    assert (exported.written.files, exported.written.records) == ((tmp_path / "data" / "train.jsonl",), 1)
    (row,) = map(json.loads, exported.written.files[0].read_text().splitlines())
    assert (row["chosen"][0]["content"], row["margin"]) == ("It left our lorry on Monday.", pytest.approx(0.9))
    assert exported.to_dict() == {
        "files": [str(tmp_path / "data" / "train.jsonl")],
        "records": 1,
        "records_left_out": {},
        "pairs": 1,
        "contrasts": 2,
        "reviewed": 2,
        "contrasts_left_out": {"the same pair is there already": 1},
    }
    assert progress.events == [("contrasts", 2), "end"]
    none = workspace.export(run.id, "csv", tmp_path / "none", judge=judge, settings=PairSettings(min_margin=1.0))
    assert (none.written, none.pairs.left_out) == (None, {"the margin is too small": 2})
    assert not (tmp_path / "none").exists()


def test_a_revised_turn_needs_no_judge(workspace, tmp_path):
    judge = ScriptedModel(bananas)
    run = workspace.analyze([talk("c")], "helpfulness", judge, turns="last")
    workspace.explain_turns(
        run.id, ContrastTask(ContrastSettings(question="revise", **WORD_SEARCH)), judge=judge, infiller=FakeInfiller()
    )
    accept_all(workspace.store)
    exported = workspace.export(run.id, "trl-dpo", tmp_path / "data")  # the run's judge could not be opened
    assert len(exported.pairs.pairs) == 1


def test_conversations_are_written_as_they_were(workspace, run, tmp_path):
    exported = workspace.export(run.id, "openai", tmp_path)
    assert (exported.pairs, exported.written.records) == (None, 2)
    assert [found.turns for found in read_log(exported.written.files[0])] == [talk("a").turns, talk("b").turns]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "trl"}, "format 'trl' is not known"),
        ({}, "run 1 has no contrast to export"),
        ({"settings": PairSettings(rubrics=frozenset({"harm"}))}, "run 1 was not judged by it"),
        ({"second_judge": "other"}, r"unreviewed pairs only; set PairSettings\(unreviewed=True\)"),
    ],
)
def test_exports_that_cannot_be_meant(workspace, run, tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        workspace.export(run.id, **{"format": "jsonl", "out": tmp_path / "data", **options})
