import json
import time

import pytest

from convexplain.connectors.logs.engine.reasoning_marks import parts_of_marked, without_marked
from convexplain.parts import Reasoning, Text, ToolCall

from .reading import read

DETAILS = '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n> a\n> b\n'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>\nhm\n</think>\n\n6", (Reasoning("hm"), Text("6"))),
        ("\n<think>hm</think>6", (Reasoning("hm"), Text("6"))),
        ("<think></think>6", (Reasoning(""), Text("6"))),
        ("<think>a</think><think>b</think> 6", (Reasoning("a"), Reasoning("b"), Text("6"))),
        ("<thinking>hm</thinking>6", (Reasoning("hm"), Text("6"))),
        ("[THINK]hm[/THINK]6", (Reasoning("hm"), Text("6"))),
        ("◁think▷hm◁/think▷6", (Reasoning("hm"), Text("6"))),
        # the beginning was in the prompt
        ("hm\n</think>\n\n6", (Reasoning("hm"), Text("6"))),
        ("</think>\n6", (Reasoning(""), Text("6"))),
        # cut while it thought
        ("<think>\nhm, so", (Reasoning("hm, so"),)),
        (f"{DETAILS}</details>\n6", (Reasoning("a\nb"), Text("6"))),
        (f"First.\n{DETAILS}</details>\n6\n7", (Text("First."), Reasoning("a\nb"), Text("6\n7"))),
    ],
)
def test_marked_reasoning(text, parts):
    assert parts_of_marked([Text(text)]) == parts
    assert without_marked(text) == "\n".join(part.text for part in parts if isinstance(part, Text))


@pytest.mark.parametrize(
    "text",
    [
        "6",
        "",
        "<think> is a tag of HTML? No.",
        "The tag </think> ends it.",
        "Write <think>a</think>.",
        "<b>6</b>",
        "[1] a source",
        f"{DETAILS}",  # without an end
    ],
)
def test_what_is_no_marked_reasoning(text):
    assert parts_of_marked([Text(text)]) is None
    assert without_marked(text) == text


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("<think></think>" * 20_000 + "6", 20_001),
        ("<think>" * 40_000, None),
        ('<details type="reasoning" ' * 20_000, None),
        ('<details type="reasoning">' * 20_000, None),
        (('<details type="reasoning">' + " " * 200 + "</details>") * 2_000, 2_000),
        ("\n </think" * 40_000, None),
        (" " * 500_000 + "<think>" + " " * 500_000 + "</think>", 1),
    ],
)
def test_hostile_texts_take_no_time(text, pieces):
    before = time.process_time()
    parts = parts_of_marked([Text(text)])
    assert time.process_time() - before < 3
    assert (None if parts is None else len(parts)) == pieces


def test_only_texts_are_searched():
    call = ToolCall("f", "<think>a</think>")
    assert parts_of_marked([call, Text("b")]) is None
    assert parts_of_marked([Text("<think>a</think>b"), call]) == (Reasoning("a"), Text("b"), call)


def test_reasoning_is_taken_out_of_assistants_turns_of_every_format(tmp_path):
    text = "<think>hm</think>\n6"
    record = {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": text}]}
    table = f'conversation,role,text\n1,user,"{text}"\n1,assistant,"{text}"\n'
    for name, log in (("log.jsonl", json.dumps(record)), ("log.csv", table)):
        (conversation,), problems = read(tmp_path, log, name)
        assert problems == []
        user, reply = conversation.turns
        assert (user.content, user.parts) == (text, ())
        assert (reply.content, reply.reasoning) == ("6", "hm")
