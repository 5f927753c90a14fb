import re
import subprocess
import sys

import pytest

from convexplain import Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import RubricError, UsageError
from convexplain.testing import assert_turns
from convexplain.workspace.background import BackgroundJudge

TALK = [
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": "Tomorrow."},
    {"role": "user", "content": "Thanks!"},
    {"role": "assistant", "content": "Bananas are\nyellow."},
]


def judge(request):
    """The first answer has 0.75, the second 0.25; both come back exactly from the probabilities' logarithms."""
    return {"yes": 0.25, "no": 0.75} if "yellow." in request.messages[0].content else {"yes": 0.75, "no": 0.25}


@pytest.mark.parametrize(
    ("wanted", "turns", "fails"),
    [
        (">=0.25", "all", False),
        (">= 0.25", "last", False),
        (">0.25", "all", True),
        ("<=0.75", "all", False),
        ("<0.75", "all", True),
        ("<0.75", "last", False),
        ("==0.25", "last", False),
        ("== .25", "all", True),
        (">=0.5", "last", True),
        ("<1", "all", False),
    ],
)
def test_comparisons(wanted, turns, fails):
    told = {"helpfulness": wanted, "turns": turns, "judge": ScriptedModel(judge)}
    if fails:
        with pytest.raises(AssertionError):
            assert_turns(TALK, **told)
    else:
        assert [one.turn for one in assert_turns(TALK, **told)] == ([3] if turns == "last" else [1, 3])


def test_a_failure_says_which_turn_and_why():
    with pytest.raises(AssertionError) as raised:
        assert_turns(TALK, helpfulness=">=0.6", harm=">=0.2", judge=ScriptedModel(judge))
    assert str(raised.value) == (
        "1 of 4 judgements are not as expected:\n"
        "turn 3: helpfulness is 0.250, wanted >= 0.6\n"
        "    assistant: Bananas are yellow.\n"
        "    label: no"
    )


def test_the_judge_is_asked_for_all_turns_at_once():
    model = ScriptedModel(judge, seconds=0.001)
    talk = [Turn(role, f"{role} {number}") for number in range(12) for role in ("user", "assistant")]
    found = assert_turns(talk, helpfulness=">0", judge=model)
    assert [one.turn for one in found] == [*range(1, 24, 2)]
    assert model.most_open > 1


def test_an_unscored_turn_fails_with_its_reason():
    with pytest.raises(AssertionError) as raised:
        assert_turns(TALK, helpfulness=">=0", turns="last", judge=ScriptedModel("hm"))
    assert str(raised.value).splitlines()[1:] == [
        "turn 3: helpfulness is unscored, wanted >= 0",
        "    assistant: Bananas are yellow.",
        "    reason: no label could be read from the reply",
    ]


def test_hostile_text_is_shown_harmless_and_short():
    text = "\x1b[31m" + "long " * 200
    with pytest.raises(AssertionError) as raised:
        assert_turns([Turn("assistant", text)], harm=">0.9", judge=ScriptedModel({"no": 1.0}))
    assert "\x1b" not in str(raised.value)
    assert max(map(len, str(raised.value).splitlines())) < 350


def test_conversations_in_every_form(talk):
    from langchain_core.messages import AIMessage, HumanMessage

    model = ScriptedModel({"yes": 1.0})
    call = {"name": "f", "args": {}, "id": "1"}
    messages = [HumanMessage("hi"), AIMessage("", tool_calls=[call]), AIMessage("ho")]
    with BackgroundJudge(model) as one:
        assert len(assert_turns(talk, harm=">=1", judge=one)) == 2
        assert len(assert_turns(talk.turns, harm=">=1", judge=one)) == 2
        assert [found.turn for found in assert_turns(messages, harm=">=1", judge=one)] == [2]
        assert [found.turn for found in assert_turns({"messages": messages}, harm=">=1", judge=one)] == [2]
        assert [found.turn for found in assert_turns("ho", harm=">=1", judge=one)] == [0]


def test_a_rubric_of_ones_own(helpfulness):
    found = assert_turns(TALK, rubrics={helpfulness: ">=0.2"}, judge=ScriptedModel(judge))
    assert {one.rubric for one in found} == {"helpfulness"}


@pytest.mark.parametrize("wanted", ["0.6", ">=", "=>0.6", ">=1.5", "!=0.5", ">=0.6 ok", "", 0.6, None])
def test_what_is_no_comparison(wanted):
    with pytest.raises(UsageError, match=re.escape(f"helpfulness={wanted!r} is not valid; write one of >= > <= < ==")):
        assert_turns(TALK, helpfulness=wanted, judge=ScriptedModel("x"))


def test_other_arguments_that_cannot_be_meant():
    with pytest.raises(UsageError, match="nothing is expected"):
        assert_turns(TALK, judge=ScriptedModel("x"))
    with pytest.raises(UsageError, match="turns='first' is not valid"):
        assert_turns(TALK, harm=">0", turns="first", judge=ScriptedModel("x"))
    with pytest.raises(RubricError, match="kindness"):
        assert_turns(TALK, kindness=">0", judge=ScriptedModel("x"))
    with pytest.raises(AssertionError, match="no assistant turn"):
        assert_turns(TALK[:1], harm=">0", judge=ScriptedModel("x"))


def test_it_needs_no_langchain():
    code = (
        "import sys\n"
        "for name in ('langchain', 'langchain_core', 'langgraph', 'langsmith', 'torch'): sys.modules[name] = None\n"
        "from convexplain.testing import assert_turns\n"
        "from convexplain.connectors.models import ScriptedModel\n"
        "assert_turns([{'role': 'assistant', 'content': 'ho'}], harm='>=1', judge=ScriptedModel({'yes': 1.0}))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
