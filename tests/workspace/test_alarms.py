"""Alarm budgets: thresholds under which a share of ordinary turns falls."""

import re
from dataclasses import asdict, replace

import pytest

from convexplain import Conversation, Turn, Workspace, load_rubric
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.explain.explanations import TurnChoice
from convexplain.fidelity import Estimate
from convexplain.judges.reference.measures import wording_of
from convexplain.store import keep_judge_agreement, keep_noise_floor, keep_ratings
from convexplain.store.alarms import Alarm, run_alarms
from convexplain.store.overview import run_state
from convexplain.types import Rating
from convexplain.workspace import AttributionTask
from convexplain.workspace.alarms import apply_alarms

HARM = load_rubric("harm")
FIGURE = {"auc": asdict(Estimate(0.88, 0.83, 0.92, 200)), "length": asdict(Estimate(0.5, 0.4, 0.6, 200))}
REFERENCE = {**FIGURE, "scores": {"good": [0.3 + 0.01 * i for i in range(40)], "rude": [0.1, 0.31, 0.5, 0.6]}}


class Notes(Progress):
    """Remembers the sentences that a person should read."""

    def __init__(self):
        self.texts = []

    def note(self, text):
        self.texts.append(text)


def numbered(request):
    """Answer i has the score i / 1000."""
    p = int(re.findall(r"assistant: Answer (\d+)\.", request.messages[0].content)[-1]) / 1000
    return {"yes": p, "no": 1 - p}


def talks(numbers):
    return [Conversation(f"c{i}", (Turn("user", "Well?"), Turn("assistant", f"Answer {i}."))) for i in numbers]


@pytest.fixture
def workspace(tmp_path):
    space = Workspace(tmp_path / "s.db")
    yield space
    space.close()


def test_a_large_run_gives_its_own_threshold_which_stands_in_for_the_rubrics(workspace):
    # scores 0.700 to 0.899: below 0.710 lie ten of 200, which are 5 %
    judge = ScriptedModel(numbered, name="m")
    keep_judge_agreement(workspace.store, "m", wording_of(HARM), "reporting", REFERENCE)
    run = workspace.analyze(talks(range(700, 900)), "harm", judge, alarms=0.05)
    (alarm,) = run_alarms(run.run)
    assert (alarm.origin, alarm.threshold, alarm.rubric_threshold) == ("run", pytest.approx(0.71), 0.5)
    assert (alarm.turns, alarm.flagged, alarm.catch, alarm.flags) == (200, 10, {"rude": 1.0}, True)
    assert alarm.sentence == (
        "harm: alarm threshold 0.71 instead of 0.5 (the lowest 5 % of this run's 200 scores lie below it). It flags 10 "
        "of 200 turns (5.0%). Of turns that are known to be bad it catches 100% of rude ones."
    )
    assert run.low_turns == 10
    assert [finding.index for finding in run.worst(20)] == [1] * 10
    (maxim,) = run.summary.maxims
    assert (maxim.threshold, maxim.below) == (pytest.approx(0.71), 0.05)
    assert workspace.run(run.id).run.alarms == run.run.alarms
    # the run of the same log without a budget is another one, and keeps the rubric's threshold
    plain = workspace.analyze(talks(range(700, 900)), "harm", judge)
    assert (plain.id, plain.low_turns, plain.run.alarms) == (run.id + 1, 0, {})
    assert len(judge.requests) == 200


def test_pages_see_that_the_thresholds_of_a_run_have_changed(workspace):
    run = workspace.analyze(talks(range(700, 710)), "harm", ScriptedModel(numbered, name="m"))
    before = run_state(workspace.store, run.id)
    assert run_state(workspace.store, run.id) == before
    apply_alarms(workspace.store, run.run, 0.2)
    assert run_state(workspace.store, run.id) != before


def test_a_small_run_takes_the_reference_set_or_says_that_it_is_small(workspace):
    keep_judge_agreement(workspace.store, "m", wording_of(HARM), "reporting", REFERENCE)
    numbers = [310, 330, *range(600, 618)]
    run = workspace.analyze(talks(numbers), ["harm", "helpfulness"], ScriptedModel(numbered, name="m"), alarms=0.05)
    harm, helpfulness = run_alarms(run.run)
    # two of 40 good reference turns score below 0.32; of the run one turn does; of four rude ones two do
    assert (harm.origin, harm.threshold, harm.flagged, harm.catch) == ("reference", 0.32, 1, {"rude": 0.5})
    assert "of turns that are known to be good at most 5 % score below it" in harm.sentence
    # one of the run's 20 turns lies below 0.33
    assert (helpfulness.origin, helpfulness.threshold, helpfulness.flagged) == ("small run", pytest.approx(0.33), 1)
    assert "these are few" in helpfulness.sentence
    assert helpfulness.sentence.endswith("It flags no turn: the judge's scores on this maxim only sort turns.")


def test_a_stopped_run_goes_on_to_its_alarms(workspace):
    judge = ScriptedModel(numbered, name="m")
    answered = []

    def failing(request):
        answered.append(request)
        if len(answered) > 5:
            raise KeyboardInterrupt
        return numbered(request)

    with pytest.raises(KeyboardInterrupt):
        workspace.analyze(talks(range(100, 120)), "harm", ScriptedModel(failing, name="m"), alarms=0.1)
    assert workspace.run().run.alarms == {}
    run = workspace.analyze(talks(range(100, 120)), "harm", judge, alarms=0.1)
    (alarm,) = run_alarms(run.run)
    assert (run.id, alarm.threshold, alarm.flagged) == (1, pytest.approx(0.102), 2)


def test_people_are_held_against_the_rubrics_threshold_and_the_judge_against_the_budgets(workspace):
    conversations = talks(range(100, 140))
    run = workspace.analyze(conversations, "harm", ScriptedModel(numbered, name="m"), alarms=0.5)
    keep_ratings(
        workspace.store, ((talk, Rating(talk.id, 1, "harm", int(i >= 20))) for i, talk in enumerate(conversations))
    )
    (agreement,) = workspace.validate(runs=[run.id]).agreements
    (judge,) = agreement.judges
    assert (agreement.rubric.threshold, judge.threshold, judge.usefulness.use) == (0.5, pytest.approx(0.12), "flagging")
    assert workspace.run(run.id).marks["harm"].word == "validated"
    # below 0.5 are all 40 turns, and half of all are bad: at that threshold the labels say nothing for flags
    plain = workspace.analyze(conversations, "harm", ScriptedModel(numbered, name="m"))
    assert (plain.marks["harm"].word, plain.low_turns) == ("sorting only", 0)
    assert plain.trust["harm"].verdict == (
        "may be used for sorting, not for flagging at the threshold 0.5: of the 40 labelled turns below it 50% are "
        "bad, of all 50%."
    )
    # below 0.138 are 38 of the 40 labelled turns, 20 of them bad: no more than of all
    wide = workspace.analyze(conversations, "harm", ScriptedModel(numbered, name="m"), alarms=0.9)
    (alarm,) = run_alarms(wide.run)
    assert (alarm.threshold, alarm.flagged, alarm.flags, wide.low_turns) == (0.138, 38, False, 0)


def test_a_budget_moves_no_noise_floor(workspace):
    judge = ScriptedModel(numbered, name="m")
    run = workspace.analyze(talks(range(700, 900)), "harm", judge, alarms=0.05)
    plain = workspace.analyze(talks(range(700, 900)), "harm", judge)
    keep_noise_floor(workspace.store, "m", HARM, 0.03, turns=20, n=400)
    (maxim,) = workspace.compare(run.id, plain.id).maxims
    assert maxim.noise_assumed is False
    notes = Notes()
    workspace.explain_turns(run.id, AttributionTask(), TurnChoice(worst=1), judge=judge, progress=notes)
    assert not any("noise" in note for note in notes.texts)


@pytest.mark.parametrize("alarms", [0, 1, -0.1, 5])
def test_a_budget_is_a_share(workspace, alarms):
    with pytest.raises(UsageError, match=rf"alarms={alarms} is not valid; it is the share of ordinary turns"):
        workspace.analyze(talks([1]), "harm", ScriptedModel(numbered), alarms=alarms)
    assert workspace.runs() == []


def test_without_scores_there_is_no_threshold(workspace):
    run = workspace.analyze(talks([1]), "harm", ScriptedModel("no label"), alarms=0.05)
    assert run.run.alarms == {}


def test_a_lowest_score_of_zero_flags_only_zeros():
    alarm = Alarm("harm", 0.05, 1e-9, 0.5, "run", 300, 40)
    assert "alarm threshold 1e-09 instead of 0.5" in alarm.sentence
    assert replace(alarm, flags=False).sentence.endswith("only sort turns.")
