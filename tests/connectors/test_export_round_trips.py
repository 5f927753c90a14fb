"""Whatever an exporter writes is read back as the same conversations, with calls of tools, reasoning and branches."""

import json
from dataclasses import replace

import pytest

from convexplain import Conversation, Turn, read_log
from convexplain.connectors.training import EXPORTERS, PairExporter, card, write_conversations, write_pairs
from convexplain.errors import UsageError
from convexplain.explain.pairs import Pair, Pairs
from convexplain.parts import Reasoning, Text, ToolCall, ToolResult

SYSTEM, USER = Turn("system", "be brief."), Turn("user", "where is my parcel?")
FIND = ToolCall("find", '{"code": "A1"}', "c1")
TOOLS = json.dumps([{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}])
CALLING = Turn.of_parts("assistant", [FIND])
THINKING = Turn.of_parts("assistant", [Reasoning("look it up"), FIND])
RESULT = Turn.of_parts("tool", [ToolResult("Oslo", "c1", "find")])
THANKS = (Turn("assistant", "in Oslo."), Turn("user", "since when?"))
THOUGHT = (Turn.of_parts("assistant", [Reasoning("it is a city"), Text("in Oslo.")]), THANKS[1])
AGAIN = Turn.of_parts("assistant", [replace(FIND, id="c2")])
ANSWERS = Turn("assistant", "since Monday."), Turn("assistant", "no idea.")

PROMPTS = {
    "words": (SYSTEM, USER, *THANKS),
    "reasoning": (SYSTEM, USER, *THOUGHT),
    "calls": (USER, CALLING, RESULT),
    "calls with reasoning": (USER, THINKING, RESULT),
}
LEFT_OUT = {("axolotl", "calls"), ("axolotl", "calls with reasoning"), ("axolotl", "a call as the answer")}
LEFT_OUT |= {(name, "a call as the answer") for name in ("csv", "parquet")}
"""Exporters that leave a kind of record out, and say so."""
ONE_SIDED = ("trl-sft",)
WITHOUT_REASONING = ("axolotl", "openai-preference")
FORMS = [form for form in EXPORTERS.records if isinstance(form, PairExporter)]


def shown(turns, *, reasoning=True):
    return [(turn.role, turn.content, turn.reasoning if reasoning else "", _calls(turn)) for turn in turns]


def _calls(turn):
    return [(part.name, json.loads(part.arguments)) for part in turn.parts if isinstance(part, ToolCall)]


@pytest.mark.parametrize("kind", [*PROMPTS, "a call as the answer"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_pairs_come_back_as_their_two_conversations(tmp_path, form, kind):
    prompt = PROMPTS.get(kind, (USER,))
    chosen, rejected = ANSWERS if kind in PROMPTS else (AGAIN, ANSWERS[1])
    tools = TOOLS if any(map(_calls, (*prompt, chosen))) else ""
    provenance = {"judge": "scripted", "infiller": "fake", "edits": [["a", "b"]], "review": None}
    labels = {"score_chosen": 0.9, "score_rejected": 0.25, "rubric": "helpfulness", "question": "revise"}
    pair = Pair(prompt, chosen, rejected, **labels, conversation_id="c", turn=9, provenance=provenance, tools=tools)
    pairs = Pairs((pair,), {}, 1)
    try:
        written = write_pairs(pairs, form, tmp_path, card(pairs, form.name, 1, "0"))
    except UsageError:
        assert (form.name, kind) in LEFT_OUT
        return
    assert (form.name, kind) not in LEFT_OUT
    problems = []
    conversations = list(read_log(written.files[0], on_problem=problems.append))
    answers = [chosen] if form.name in ONE_SIDED else [chosen, rejected]
    keeps = form.name not in WITHOUT_REASONING
    assert [shown(one.turns, reasoning=keeps) for one in conversations] == [
        shown((*prompt, answer), reasoning=keeps) for answer in answers
    ]
    assert [problem for problem in problems if not problem.kept] == []


def test_conversations_come_back_with_their_branches(tmp_path):
    branches = [
        Conversation("c", (SYSTEM, USER, THINKING, RESULT, *THOUGHT, ANSWERS[0]), "log", {"topic": "parcels"}),
        Conversation("c-branch2", (SYSTEM, USER, THINKING, RESULT, *THOUGHT, ANSWERS[1]), "log", {"topic": "parcels"}),
    ]
    written = write_conversations(branches, EXPORTERS.get("openai"), tmp_path)
    problems = []
    conversations = list(read_log(written.files[0], on_problem=problems.append))
    assert [(one.id, shown(one.turns), one.metadata) for one in conversations] == [
        (one.id, shown(one.turns), one.metadata) for one in branches
    ]
    assert [problem for problem in problems if not problem.kept] == []
