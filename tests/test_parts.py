from dataclasses import replace

import pytest

from convexplain.parts import Media, Reasoning, Text, ToolCall, ToolResult, aligned_parts, visible_content
from convexplain.types import Example, Label, Rubric, Turn

CALL = ToolCall("f", '{"a": 1}', "c1")
SHOWN = '[tool call f({"a": 1})]'


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([Text("Hi")], "Hi"),
        ([Reasoning("hm"), Text("Hi")], "Hi"),
        ([Reasoning("hm")], ""),
        ([Text("I look."), CALL], f"I look.\n{SHOWN}"),
        ([ToolCall("")], "[tool call]"),
        ([ToolResult("3 degrees", "c1")], "3 degrees"),
        ([Text("a"), ToolResult(""), Text("b")], "a\nb"),
        ([Text("See"), Media("image"), Media("file", "a.pdf")], "See\n[image]\n[file: a.pdf]"),
        ([], ""),
    ],
)
def test_the_content_is_what_people_see(parts, content):
    assert visible_content(parts) == content
    assert Turn.of_parts("assistant", parts).content == content


@pytest.mark.parametrize(
    ("result", "name", "parts"),
    [
        (ToolResult("3"), None, ()),
        (ToolResult("3"), "f", ()),
        (ToolResult("3", "", "f"), "f", ()),
        (ToolResult("3", "", "f"), None, (ToolResult("3", "", "f"),)),
        (ToolResult("3", "c1"), None, (ToolResult("3", "c1"),)),
    ],
)
def test_a_result_without_an_id_is_a_text_of_a_tool(result, name, parts):
    assert Turn.of_parts("tool", [result], name).parts == parts
    assert Turn.of_parts("user", [result], name).parts == (result,)


def test_a_turn_of_texts_has_no_parts():
    assert Turn.of_parts("user", [Text("a"), Text("b")]) == Turn("user", "a\nb")
    assert Turn.of_parts("user", [Text("a"), CALL, Text("b"), Text("c")]).parts == (Text("a"), CALL, Text("b\nc"))


def test_the_reasoning_of_a_turn():
    turn = Turn.of_parts("assistant", [Reasoning("first"), Text("Hi"), Reasoning(""), Reasoning("second")])
    assert turn.reasoning == "first\nsecond"
    assert Turn("assistant", "Hi").reasoning == ""


@pytest.mark.parametrize(
    ("parts", "content", "aligned"),
    [
        # nothing but the words changed: the call stays, the reasoning goes
        ((Reasoning("hm"), Text("Hi"), CALL), f"Hello\n{SHOWN}", (Text("Hello"), CALL)),
        ((Text("Hi"), CALL), f"{SHOWN}", (CALL,)),
        ((CALL, Text("Hi")), f"{SHOWN}\n", (CALL, Text(""))),
        ((Text("Hi"), CALL), f"\n{SHOWN}\n\nBye", (Text(""), CALL, Text("\nBye"))),
        # the call was edited, or stands within a line: it is text
        ((Text("Hi"), CALL), 'Hi\n[tool call f({"a": 2})]', ()),
        ((Text("Hi"), CALL), f"Hi {SHOWN}", ()),
        ((Text("Hi"), CALL), f"Hi {SHOWN}\n{SHOWN}", (Text(f"Hi {SHOWN}"), CALL)),
        # of two calls that look the same one is left
        ((CALL, replace(CALL, id="c2")), SHOWN, (CALL,)),
        # the only result of a tool stays one
        ((ToolResult("3 degrees", "c1", "f"),), "4 degrees", (ToolResult("4 degrees", "c1", "f"),)),
        ((Reasoning("hm"), Text("Hi")), "Hello", ()),
        ((Reasoning("hm"), Text("Hi")), "", ()),
    ],
)
def test_the_parts_of_an_edited_turn(parts, content, aligned):
    turn = replace(Turn.of_parts("assistant", parts), content=content)
    assert turn.parts == aligned
    assert turn.content == content
    assert visible_content(aligned) == (content if aligned else "")


def test_an_edit_that_changes_nothing_keeps_everything():
    turn = Turn.of_parts("assistant", [Reasoning("hm"), Text("Hi"), CALL])
    assert replace(turn, content=turn.content) == turn
    assert replace(turn, name="Bot").parts == turn.parts


def test_unseen_parts_are_not_searched_for():
    assert aligned_parts((ToolResult(""), ToolResult("x"), Text("y")), "x\nz") == (ToolResult("x"), Text("z"))


def test_the_sha_of_a_rubric_is_what_it_was_before_turns_had_parts():
    labels = (Label("yes", 1.0, "is"), Label("no", 0.0, "is not"))
    rubric = Rubric("r", "R", "own", "The response is.", labels, (Example("yes", (Turn("user", "Hi"),)),), 0.5)
    # of the commit before, for the same rubric
    assert rubric.sha == "c62b0f1de4f3200128bee3ca4343b68c3eb6e205fee4429a9b7fbc685cd3f460"
