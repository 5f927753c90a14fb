"""The plugin in pytest runs of its own."""

import subprocess
import sys
import tomllib

import pytest

from convexplain.agreement.calibration import Calibration
from convexplain.rubrics import load_rubric
from convexplain.store import RunStore, keep_calibration
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

BOT = """
from convexplain.connectors.models import ScriptedModel
from convexplain.testing import assert_turns

TALK = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Go away."}]

def test_helps(convexplain_judge):
    assert_turns(TALK, helpfulness=">=0.6", judge=convexplain_judge)

def test_again(convexplain_judge):
    assert_turns(TALK, helpfulness=">=0.1", judge=convexplain_judge)
    print("JUDGE", convexplain_judge.model.name, len(convexplain_judge.model.requests))
"""
# Stands in for a model by its name.
CONFTEST = """
import pytest
import convexplain.workspace.judge_arguments as judge_arguments
import convexplain.workspace.judge_defaults as judge_defaults
from convexplain.connectors.models import ScriptedModel

judge_defaults.small_is_ready = lambda: False

judge_arguments.open_model = lambda name: ScriptedModel({"yes": 0.25, "no": 0.75}, name=name)
"""


@pytest.fixture
def run(pytester, monkeypatch):
    monkeypatch.delenv("CONVEXPLAIN_BASE_URL", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # it may be there by its entry point, too
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(BOT)
    return lambda *told: pytester.runpytest_subprocess("-p", "convexplain.connectors.pytest_plugin", "-rP", *told)


def test_a_bots_conversations_in_a_test(run):
    found = run()
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(
        [
            "*AssertionError: 1 of 1 judgements are not as expected:*",
            "*turn 1: helpfulness is 0.250, wanted >= 0.6*",
            "*assistant: Go away.*",
            "*label: no*",
            "JUDGE embedded 2",  # the default; one model for both tests: a call, and one for the reason
        ]
    )
    assert "def assert_turns" not in found.stdout.str(), "the test is shown, not this"


@pytest.mark.parametrize(
    ("ini", "told", "name"),
    [
        ("", ["--convexplain-judge", "mine"], "mine"),
        ("other", [], "other"),
        ("other", ["--convexplain-judge=mine"], "mine"),
    ],
)
def test_the_judge_can_be_chosen(run, pytester, ini, told, name):
    if ini:
        pytester.makeini(f"[pytest]\nconvexplain_judge = {ini}")
    run(*told).stdout.fnmatch_lines([f"JUDGE {name} 2"])


def test_the_judge_may_be_calibrated_and_escalate(run, pytester, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(pytester.path / "s.db"))
    store = RunStore(str(pytester.path / "s.db"))
    for judge, score in (("mine", 0.55), ("other", 0.7)):
        made = Calibration("isotonic", ((0.0, score), (1.0, score)))
        keep_calibration(store, judge, load_rubric("helpfulness"), made)
    store.close()
    result = run("--convexplain-judge=mine?calibrated=yes&escalate=other&band=0.01")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*turn 1: helpfulness is 0.550, wanted >= 0.6*"])
    run("--convexplain-judge=mine?calibrated=yes&escalate=other&band=0.1").assert_outcomes(passed=2)


def test_its_help_and_its_fixture_say_what_they_are(run):
    run("--help").stdout.fnmatch_lines(["*--convexplain-judge=MODEL*", "*convexplain_judge (string):*"])
    run("--fixtures").stdout.fnmatch_lines(["convexplain_judge*"])


def test_it_is_registered():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"convexplain": "convexplain.connectors.pytest_plugin"}


def test_it_loads_nothing_of_weight():
    code = (
        "import pytest, sys; before = set(sys.modules)\n"
        "import convexplain.connectors.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name.partition(".")[0] for name in loaded if not name.startswith("_")} & {
        "numpy", "sklearn", "scipy", "sqlalchemy", "torch", "langchain_core", "httpx2", "jsonschema", "yaml", "rich",
    } == set()  # fmt: skip
    assert {name for name in loaded if name.startswith("convexplain") and ".types." not in name} == {
        "convexplain",
        "convexplain.connectors",
        "convexplain.connectors.pytest_plugin",
        "convexplain.errors",
        "convexplain.parts",
        "convexplain.types",
    }
