"""The worst turns of an analysis, explained at its end."""

import pytest

from convexplain import Conversation, Turn, Workspace
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UnavailableError, UsageError
from convexplain.workspace import ShortTask
from convexplain.workspace.findings import stored_explanation
from convexplain.workspace.tasks import FINDING_TASK

QUESTION, REPLY = "Where is my parcel?", "Bananas are yellow. They are long. They are soft."


class Notes(Progress):
    def __init__(self):
        self.notes, self.steps = [], []

    def note(self, text):
        self.notes.append(text)

    def begin(self, task, total=None):
        self.steps.append((task, total))


def bananas(request):
    """0.1 where the judged turn speaks of bananas, else 0.9."""
    p = 0.1 if "Bananas" in request.messages[0].content.rsplit("\nassistant: ", 1)[-1] else 0.9
    return {"yes": p, "no": 1 - p}


def talks(*replies):
    return [
        Conversation(f"c{i}", (Turn("user", QUESTION), Turn("assistant", reply))) for i, reply in enumerate(replies)
    ]


@pytest.fixture
def ws(tmp_path, monkeypatch):
    """A workspace whose explanations have no edits, which would need an editor."""
    task = ShortTask(FINDING_TASK.attribution, None, FINDING_TASK.total)
    monkeypatch.setattr("convexplain.workspace.findings.FINDING_TASK", task)
    workspace = Workspace(tmp_path / "s.db")
    yield workspace
    workspace.close()


def test_the_worst_turns_below_their_threshold_are_explained_and_kept(ws):
    judge, progress = ScriptedModel(bananas), Notes()
    run = ws.analyze(talks(REPLY, "It left."), ["helpfulness"], judge, explain=2, progress=progress, reasons="none")
    assert ("explaining", 1) in progress.steps  # the other one scores 0.9
    bad, good = run.worst(2)
    asked = len(judge.requests)
    explanation = stored_explanation(ws.store, bad)
    assert explanation.headline == (
        "The score of turn 1 depends most on “Bananas are yellow.” (score 0.10; without it 0.90)."
    )
    assert stored_explanation(ws.store, good).headline == (
        "Turn 1 scores 0.90 on helpfulness; it has not been explained yet."
    )
    assert len(judge.requests) == asked
    # 2 judgements; at most 16 of the attribution, whose unchanged text is in the cache
    assert sum(level.calls for level in explanation.attributions) == asked - 2 <= 16


@pytest.mark.parametrize("explain", [0, 1])
def test_a_run_without_low_scores_or_without_the_wish_is_not_explained(ws, explain):
    judge, progress = ScriptedModel(bananas), Notes()
    ws.analyze(talks("It left." if explain else REPLY), ["helpfulness"], judge, explain=explain, progress=progress)
    assert [task for task, _ in progress.steps if task == "explaining"] == []


def test_an_explanation_that_fails_leaves_the_run_and_a_note(ws):
    def gone(request):
        if "They are long" not in request.messages[0].content:
            raise UnavailableError("the judge is gone")
        return bananas(request)

    progress = Notes()
    run = ws.analyze(talks(REPLY), ["helpfulness"], ScriptedModel(gone), explain=1, progress=progress, reasons="none")
    assert run.run.status == "done"
    assert progress.notes[-1] == (
        "Not explained: the worst turn (the judge is gone). The run itself is complete; `convexplain explain 1` tries "
        "again."
    )


def test_a_number_of_turns_that_is_not_valid_is_refused_before_any_call(ws):
    judge = ScriptedModel(bananas)
    with pytest.raises(UsageError, match=r"explain=-1 is not valid; it must be at least 0"):
        ws.analyze(talks(REPLY), ["helpfulness"], judge, explain=-1)
    assert not judge.requests


@pytest.mark.slow
def test_attribution_and_edit_share_24_evaluations(tmp_path):
    """The edit has what the attribution leaves of 24: a third of the rest, at most 5, for placebos."""
    workspace, judge = Workspace(tmp_path / "s.db"), ScriptedModel(bananas)
    run = workspace.analyze(talks(REPLY), ["helpfulness"], judge, explain=1, reasons="none")
    explanation = stored_explanation(workspace.store, run.worst(1)[0])
    calls = sum(level.calls for level in explanation.attributions)
    assert explanation.contrast is not None
    assert explanation.contrast.calls <= 24 - calls - min(5, (24 - calls) // 3)
    assert calls + explanation.contrast.calls + explanation.contrast.placebo_draws <= 24
    workspace.close()
