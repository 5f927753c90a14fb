"""Evaluators as plain functions and as LangSmith's RunEvaluator."""

import asyncio
import gc
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage
from langsmith.schemas import Run

from convexplain.connectors.langchain import aevaluator, evaluator, run_evaluator
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import RubricError, UnavailableError, UsageError
from convexplain.rubrics import load_rubric
from convexplain.store import RunStore
from convexplain.workspace import BackgroundJudge
from tests.reference_scores import keep_scores

from .agents import judge, judged

ASKED = [HumanMessage("hi")]
SAID = [HumanMessage("hi"), AIMessage("ho")]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ("hi", "ho"),
        ({"question": "hi"}, {"answer": "ho"}),
        (ASKED, SAID[1:]),
        (ASKED, SAID),  # agents give the whole conversation back
        ({"messages": ASKED}, {"messages": SAID}),
        ({"messages": [{"role": "user", "content": "hi"}]}, {"role": "assistant", "content": "ho"}),
        (None, SAID),
        (SAID, None),
    ],
)
def test_what_it_takes_and_gives(inputs, outputs, asynchronous, helpfulness):
    model = judge()
    if asynchronous:
        found = asyncio.run(aevaluator("helpfulness", model)(inputs=inputs, outputs=outputs, reference_outputs="he"))
    else:
        found = evaluator("helpfulness", model)(inputs=inputs, outputs=outputs, reference_outputs="he")
    assert found["key"] == "helpfulness"
    assert found["score"] == pytest.approx(0.75)
    assert found["comment"] == "yes"
    prompt = model.requests[0].messages[0].content
    assert "user: hi\nassistant: ho\n</conversation>" in prompt
    assert prompt.rpartition("<conversation>")[2].count("user: hi") == 1
    metadata = found["metadata"]
    assert metadata["probabilities"] == pytest.approx({"yes": 0.75, "no": 0.25})
    told = ("threshold", "label", "evidence", "turn", "model")
    assert [metadata[name] for name in told] == [helpfulness.threshold, "yes", "label_probability", 1, "scripted"]


def test_the_last_answer_is_judged():
    messages = [HumanMessage("1"), AIMessage("2"), HumanMessage("3"), AIMessage("4"), HumanMessage("5")]
    assert evaluator("harm", model := judge())(outputs=messages)["metadata"]["turn"] == 3
    assert judged(model) == ["4"]


def test_a_reason_in_words():
    model = ScriptedModel(lambda request: {"yes": 1.0} if request.labels else '{"explanation": "\'ho\' is kind"}')
    found = evaluator("harm", model, reasons="all")(inputs="hi", outputs="ho")
    assert found["comment"] == "'ho' is kind"
    assert len(model.requests) == 2


class Gone(ScriptedModel):
    async def prepare(self):
        raise UnavailableError("gone")


@pytest.mark.parametrize(
    ("model", "outputs", "why"),
    [
        (ScriptedModel("what?"), "ho", "no label could be read from the judge's reply"),
        (Gone("x"), "ho", "gone"),
        (judge(), None, "there is no assistant turn to judge"),
        (judge(), HumanMessage("hi"), "there is no assistant turn to judge"),
    ],
)
def test_no_score_is_none_and_says_why(model, outputs, why):
    found = evaluator("harm", model)(inputs="hi", outputs=outputs)
    assert (found["key"], found["score"]) == ("harm", None)
    assert found["comment"].startswith(why)


def test_several_threads_share_one_judge():
    with BackgroundJudge(judge(seconds=0.001)) as shared, ThreadPoolExecutor(8) as pool:
        functions = [evaluator(name, shared) for name in ("helpfulness", "harm")]
        found = list(pool.map(lambda n: functions[n % 2](inputs=f"hi {n}", outputs="ho"), range(40)))
    assert [one["key"] for one in found] == ["helpfulness", "harm"] * 20
    assert all(one["score"] == pytest.approx(0.75) for one in found)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"messages": SAID[:1]}, {"messages": SAID}),
        ({"messages": [[dumpd(SAID[0])]]}, {"generations": [[{"text": "ho", "message": dumpd(SAID[1])}]]}),
        ({"question": "hi"}, {"output": "ho"}),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_langsmiths_runs(inputs, outputs, asynchronous):
    one = run_evaluator("helpfulness", model := judge())
    run = Run(
        id=uuid.uuid4(),
        trace_id=uuid.uuid4(),
        name="run",
        start_time=datetime.now(UTC),
        run_type="chain",
        inputs=inputs,
        outputs=outputs,
    )
    found = asyncio.run(one.aevaluate_run(run)) if asynchronous else one.evaluate_run(run)
    assert (found.key, found.score, found.comment) == ("helpfulness", pytest.approx(0.75), "yes")
    assert found.metadata["label"] == "yes"
    assert one.feedback_keys == ["helpfulness"]
    assert "user: hi\nassistant: ho\n</conversation>" in model.requests[0].messages[0].content


def test_a_run_without_outputs_has_no_score():
    run = Run(id=uuid.uuid4(), trace_id=uuid.uuid4(), name="r", start_time=datetime.now(UTC), run_type="llm", inputs={})
    assert run_evaluator("harm", judge()).evaluate_run(run).score is None


def test_a_rubric_or_a_model_that_is_none():
    with pytest.raises(RubricError, match="kindness"):
        evaluator("kindness", judge())
    with pytest.raises(UsageError, match="gpt"):
        evaluator("harm", "gpt")
    with pytest.raises(UsageError, match="samples=0"):
        evaluator("harm", judge(), samples=0)


def test_its_thread_ends_with_it():
    function = evaluator("harm", judge())
    function(outputs="ho")
    mine = function.__closure__
    background = next(cell.cell_contents for cell in mine if isinstance(cell.cell_contents, BackgroundJudge))
    assert background.working
    del function, mine
    gc.collect()
    assert not background.working


@pytest.mark.slow
def test_a_program_that_ends_with_an_evaluator_says_nothing():
    code = (
        "from convexplain.connectors.langchain import evaluator\n"
        "from convexplain.connectors.models import ScriptedModel\n"
        "harm = evaluator('harm', ScriptedModel({'yes': 1.0}))\n"
        "assert harm(outputs='ho')['score'] == 1.0\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_metadata_say_how_far_the_judge_is_to_be_trusted(tmp_path):
    store, harm = RunStore(str(tmp_path / "s.db")), load_rubric("harm")
    keep_scores(store, harm, {"good": [0.5, 0.9], "rude": [0.25]})
    trust = evaluator("harm", judge(), cache=store)(outputs="ho")["metadata"]["trust"]
    assert (trust["state"], trust["better"], trust["auc"]["value"]) == ("benchmarked", True, 0.9)
    assert (trust["lowest"], trust["highest"]) == (0.25, 0.9)
    assert evaluator("helpfulness", judge(), cache=store)(outputs="ho")["metadata"]["trust"]["state"] == "unvalidated"
    store.close()
