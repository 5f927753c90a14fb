"""How a program ends: by itself, by Ctrl-C, by a fork; nothing that was finished is lost."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.store import RunStore
from convexplain.workspace import Workspace
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SETUP = """
import os, signal, sys, threading, time
from convexplain.connectors.langchain import ConvexplainCallbackHandler, Scorer
from convexplain.connectors.models import ScriptedModel
from tests.connectors.agents import Scripted, agent, asked

# A shell's background jobs ignore Ctrl-C, and so would all that they start: the tests may be such a job.
signal.signal(signal.SIGINT, signal.default_int_handler)

def say(handler, thread, text):
    agent_.invoke(asked(text), {"callbacks": [handler], "configurable": {"thread_id": thread}})

agent_ = agent()
"""


def program(path, code, **told):
    """Runs it; its store is in `path`."""
    text = SETUP + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", text, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **told,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "live.db"


@pytest.fixture
def opened(path):
    stores = []

    def one():
        stores.append(RunStore(str(path)))
        return stores[-1]

    yield one
    for store in stores:
        store.close()


def test_what_waits_is_judged_before_the_program_ends(path, opened):
    # to_thread: what needs the interpreter's thread pools still works at that time
    done = program(
        path,
        """
        import asyncio
        class Threaded(ScriptedModel):
            async def chat(self, requests):
                await asyncio.to_thread(time.sleep, 0.02)
                return await super().chat(requests)

        handler = ConvexplainCallbackHandler(Threaded({"yes": 1.0}, in_flight=1), "helpfulness", sys.argv[1])
        for number in range(10):
            say(handler, f"t{number}", "hi")
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    store = opened()
    assert len(list(store.judgements(1))) == 10
    assert all(found.score == 1.0 for _, found in store.judgements(1))
    assert store.run(1).status == "done"


def test_the_end_waits_only_so_long_and_keeps_the_rest(path, opened):
    done = program(
        path,
        """
        scorer = Scorer(ScriptedModel("x", seconds=600), "helpfulness", sys.argv[1], exit_seconds=0.3)
        handler = ConvexplainCallbackHandler(scorer=scorer)
        for number in range(30):
            say(handler, f"t{number}", "hi")
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    store = opened()
    assert len(list(store.conversations(1))) == 30
    assert store.run(1).status == "stopped"


def test_a_judge_that_is_stuck_in_code_of_its_own_does_not_keep_the_program(path, opened):
    done = program(
        path,
        """
        def on_flag(found, talk):
            time.sleep(600)

        scorer = Scorer(ScriptedModel({"no": 1.0}), "helpfulness", sys.argv[1], on_flag=on_flag, exit_seconds=0.3)
        handler = ConvexplainCallbackHandler(scorer=scorer)
        for number in range(5):
            say(handler, f"t{number}", "hi")
        """,
    )
    remark = done.stderr.strip().splitlines()  # the scripted judge is unvalidated; nothing else is said
    assert (done.returncode, [line.partition(": ")[0] for line in remark]) == (0, ["thresholds"])
    assert len(list(opened().conversations(1))) == 5


@pytest.mark.parametrize("block", [False, True])
def test_ctrl_c_in_the_middle_loses_nothing_and_the_run_can_be_gone_on_with(path, opened, block, helpfulness):
    with_block = "with handler:" if block else "if True:"
    done = program(
        path,
        f"""
        import asyncio
        class Tired(ScriptedModel):
            async def chat(self, requests):
                if len(self.requests) == 5:
                    await asyncio.sleep(600)
                return await super().chat(requests)

        handler = Scorer(Tired({{"yes": 1.0}}, in_flight=1), "helpfulness", sys.argv[1], exit_seconds=0.2)
        {with_block}
            hook = ConvexplainCallbackHandler(scorer=handler)
            for number in range(40):
                say(hook, f"t{{number}}", f"hi {{number}}")
            while handler.counts.judged < 5:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        """,
    )
    assert done.returncode in (-signal.SIGINT, 1, 130)
    assert "KeyboardInterrupt" in done.stderr
    store = opened()
    assert sorted(talk.id for talk in store.conversations(1)) == sorted(f"t{number}" for number in range(40))
    assert len(list(store.judgements(1))) == 5
    assert store.run(1).status == "stopped"
    # as `convexplain analyze --stored 1` does
    model = ScriptedModel({"yes": 1.0})
    run = Workspace(store).analyze(stored=1, rubrics=helpfulness, judge=model)
    assert len(list(store.judgements(run.id))) == 40
    assert len(model.requests) == 35, "what was judged is not asked again"


def test_threads_that_outlive_the_main_one_are_still_heard(path, opened):
    done = program(
        path,
        """
        handler = ConvexplainCallbackHandler(ScriptedModel({"yes": 1.0}), "helpfulness", sys.argv[1])
        say(handler, "first", "hi")

        def later():
            threading.main_thread().join()
            time.sleep(0.3)
            # no agent: LangGraph itself does not work any more then
            Scripted().invoke("hi", {"callbacks": [handler], "metadata": {"thread_id": "later"}})

        threading.Thread(target=later).start()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(talk.id for talk in opened().conversations(1)) == ["first", "later"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_has_a_run_of_its_own(path, opened):
    done = program(
        path,
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # Python says that threads do not live on in a fork
        handler = ConvexplainCallbackHandler(ScriptedModel({"yes": 1.0}), "helpfulness", sys.argv[1])
        say(handler, "before", "hi")
        handler.flush()
        child = os.fork()
        say(handler, "child" if child == 0 else "parent", "hi")
        handler.close(None)
        if child:
            os.waitpid(child, 0)
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    store = opened()
    found = {run.id: sorted(talk.id for talk, _ in store.judgements(run.id)) for run in store.runs()}
    assert sorted(found.values()) == [["before", "parent"], ["child"]]
