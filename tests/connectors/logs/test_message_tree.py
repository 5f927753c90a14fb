"""Trees of messages."""

import pytest

from convexplain.connectors.logs.engine.message_tree import MessageTree
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError

CIRCLE = "its messages follow each other in a circle: read from where it closes"
MISSING = "a message before its first one is missing"


def links(**parents):
    return {key: {"parent": parent, "text": key} for key, parent in parents.items()}


def parse(path):
    if path and path[-1]["text"] == "hidden":
        raise UnreadableError("hidden")
    return ParsedConversation([ParsedTurn("user", message["text"]) for message in path])


def texts(conversation):
    return "".join(turn.content for turn in conversation.turns)


@pytest.mark.parametrize(
    ("messages", "end", "path", "remarks"),
    [
        (links(a=None, b="a", c="b"), "c", "abc", []),
        (links(a=None, b="a", c="b"), "b", "ab", ["1 messages of other branches (1 ends) are left out"]),
        (links(a=None, b="a", c="a", d="c"), None, "acd", ["1 messages of other branches (1 ends) are left out"]),
        (links(a=None, b="a", c="a"), "z", "ac", ["its current message is not there: the latest one is taken"]),
        (links(a="gone", b="a"), "b", "ab", [MISSING]),
        (links(a="00000000-0000-0000-0000-000000000000", b="a"), "b", "ab", []),
        (links(a="00000000-0000-4000-8000-000000000000", b="a"), "b", "ab", []),
        (links(a="b", b="a"), None, "ab", [CIRCLE]),
        (links(a="a"), "a", "a", [CIRCLE]),
        ({"a": {"text": "a"}, "b": {"text": "b"}}, None, "ab", []),
        (links(), None, "", []),
    ],
)
def test_the_branch_that_was_shown(messages, end, path, remarks):
    conversation = MessageTree.of_links(messages, "parent").shown_branch(end, parse)
    assert texts(conversation) == path
    assert conversation.remarks[: len(remarks)] == remarks


def test_children_are_links_too():
    messages = {"a": {"children": ["b"], "text": "a"}, "b": {"children": ["gone", 3], "text": "b"}}
    assert MessageTree.of_links(messages, "parent", "children").parents == {"b": "a"}


@pytest.mark.parametrize(
    ("end", "branches"),
    [
        ("b", [("ab", ""), ("ac", "-branch2"), ("ad", "-branch3")]),
        (None, [("ad", ""), ("ac", "-branch2"), ("ab", "-branch3")]),
    ],
)
def test_all_branches(end, branches):
    messages = {"a": {"text": "a"}}
    messages |= {key: {"parent": "a", "text": key, "at": 1700000000 + at} for at, key in enumerate("bcd")}
    messages["e"] = {"parent": "a", "text": "hidden", "at": 1}
    conversations = MessageTree.of_links(messages, "parent").branches(end, parse)
    assert [(texts(conversation), conversation.suffix) for conversation in conversations] == branches


def test_nested_replies():
    tree = MessageTree.of_nested(
        [{"text": "a", "re": [{"text": "b"}, {"text": "c", "re": [{"text": "d"}]}, "no"]}], "re"
    )
    assert [texts(conversation) for conversation in tree.branches(None, parse)] == ["ab", "acd"]
    assert tree.latest_end() == "3"


def test_deep_nests_are_no_recursion():
    message = {"text": "x"}
    for _ in range(50_000):
        message = {"text": "x", "re": [message]}
    assert len(MessageTree.of_nested([message], "re").shown_branch(None, parse).turns) == 50_001


def test_versions_of_turns():
    versions = [[{"text": "a"}], [{"text": "b"}, {"text": "c"}], [{"text": "d"}]]
    tree, end = MessageTree.of_alternatives(versions, [0, 1, 9])
    assert texts(tree.shown_branch(end, parse)) == "acd"
    assert [texts(conversation) for conversation in tree.branches(end, parse)] == ["acd", "ab"]


def test_roots_and_children():
    tree = MessageTree.of_links(links(a=None, b="a", c="a", d="gone", x="y", y="x"), "parent")
    assert tree.roots() == ["a", "d"]
    assert tree.children()["a"] == ["b", "c"]
