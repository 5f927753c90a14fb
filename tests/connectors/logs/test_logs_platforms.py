"""Logs of models' interfaces, frameworks and evaluation tools, and assistants' exports: who says what in them."""

import io
import json
import zipfile
from datetime import UTC, datetime

import pytest

from convexplain.connectors.logs import LOG_FORMATS, inspect_log

from .reading import HI, HI_SAID, read, said, told

PLATFORMS = (
    *("openai-responses", "anthropic", "langchain", "langsmith", "langfuse", "otel", "mlflow", "deepeval", "promptfoo"),
    *("inspect", "chatgpt-branches", "chatgpt", "claude-branches", "claude", "claude-code"),
)

CALL_SAID = [
    ("user", "Weather?"),
    ("assistant", 'Let me see.\n[tool call weather({"city": "Bonn"})]'),
    ("tool", "12 degrees"),
    ("assistant", "It is mild."),
]


def one(folder, record, name="log.json"):
    """The only conversation of a log, and its problems."""
    content = record if isinstance(record, str) else json.dumps(record)
    (found,), problems = read(folder, content, name)
    return found, [(problem.reason, problem.kept) for problem in problems]


def recognised(folder, name="log.json"):
    return dict(inspect_log(folder / name).formats)


# What interfaces and frameworks have: each is the conversation CALL_SAID.

RESPONSES = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
    {
        "type": "message",
        "role": "assistant",
        "id": "m1",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Let me see."}],
    },
    {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Bonn"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "12 degrees"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is mild."}]},
]
ANTHROPIC = [
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bonn"}},
        ],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "12 degrees"}]}],
    },
    {"role": "assistant", "content": [{"type": "text", "text": "It is mild."}]},
]
LANGCHAIN = [
    {"type": "human", "data": {"content": "Weather?", "type": "human"}},
    {
        "type": "ai",
        "data": {"content": "Let me see.", "tool_calls": [{"name": "weather", "args": {"city": "Bonn"}, "id": "c1"}]},
    },
    {"type": "tool", "data": {"content": "12 degrees", "tool_call_id": "c1"}},
    {"type": "ai", "data": {"content": [{"type": "text", "text": "It is mild."}]}},
]
CONSTRUCTED = [
    {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", name],
        "kwargs": message["data"],
    }
    for name, message in zip(
        ["HumanMessage", "AIMessage", "ToolMessage", "AIMessageChunk"],
        LANGCHAIN,
        strict=True,
    )
]
FLAT = [{**message["data"], "type": message["type"], "id": "1"} for message in LANGCHAIN]


@pytest.mark.parametrize(
    ("record", "form"),
    [
        (RESPONSES, "openai-responses"),
        ({"model": "m", "input": RESPONSES[:-1], "output": RESPONSES[-1:]}, "openai-responses"),
        (
            {"request": {"input": RESPONSES[:-1]}, "response": {"object": "response", "output": RESPONSES[-1:]}},
            "openai-responses",
        ),
        (ANTHROPIC, "openai"),  # by themselves they are loose messages; see below
        ({"messages": ANTHROPIC}, "anthropic"),
        (LANGCHAIN, "langchain"),
        (CONSTRUCTED, "langchain"),
        (FLAT, "langchain"),
        ({"messages": LANGCHAIN}, "langchain"),
        ({"values": {"messages": CONSTRUCTED}, "next": []}, "lang-graph"),
        (
            {"lc": 1, "type": "constructor", "id": ["x", "ChatPromptValue"], "kwargs": {"messages": CONSTRUCTED}},
            "langchain",
        ),
        ([LANGCHAIN], "langchain"),
    ],
)
def test_a_call_of_a_tool(tmp_path, record, form):
    found, problems = one(tmp_path, record)
    if record is ANTHROPIC:
        form = "anthropic"
    assert (said(found), problems, recognised(tmp_path)) == (CALL_SAID, [], {form: 1})


@pytest.mark.parametrize("record", [RESPONSES, LANGCHAIN, CONSTRUCTED])
def test_messages_in_lines_are_one_conversation(tmp_path, record):
    lines = "".join(json.dumps(item) + "\n" for item in record)
    found, problems = one(tmp_path, lines, "log.jsonl")
    assert said(found) == CALL_SAID
    ((remark, is_kept),) = problems
    assert is_kept
    assert remark.startswith("no key tells conversations apart: the whole file was read as one. If it holds several")
    assert "id=KEY" in remark


def test_langchains_own_dumps(tmp_path):
    messages = pytest.importorskip("langchain_core.messages")
    load = pytest.importorskip("langchain_core.load")
    some = [
        messages.SystemMessage("Be kind."),
        messages.HumanMessage([{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "data:x"}}]),
        messages.AIMessage("", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c"}]),
        messages.ToolMessage("done", tool_call_id="c", name="f"),
        messages.AIMessageChunk("Hello"),
        messages.ChatMessage("Bye", role="user"),
    ]
    expected = [
        ("system", "Be kind."),
        ("user", "Hi\n[image]"),
        ("assistant", '[tool call f({"a": 1})]'),
        ("tool", "done"),
        ("assistant", "Hello"),
        ("user", "Bye"),
    ]
    for number, dump in enumerate(
        [messages.messages_to_dict(some), load.dumpd(some), {"messages": [item.model_dump() for item in some]}]
    ):
        found, problems = one(tmp_path, dump, f"{number}.json")
        assert (said(found), problems) == (expected, [])


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (
            [{"type": "reasoning", "id": "r", "summary": []}, {"role": "assistant", "content": "Hello"}],
            [("assistant", "Hello")],
        ),
        (
            [{"type": "web_search_call", "status": "completed", "action": {"query": "x"}}, RESPONSES[-1]],
            [("assistant", '[tool call web_search({"query": "x"})]\nIt is mild.')],
        ),
        (
            [{"type": "mcp_call", "call_id": "1", "name": "f", "arguments": "{}", "output": "ok"}],
            [("assistant", "[tool call f({})]"), ("tool", "ok")],
        ),
        ([{"type": "image_generation_call", "status": "completed", "result": "…"}], [("assistant", "[image]")]),
        (
            [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_image"}, {"type": "input_file", "filename": "a.pdf"}],
                }
            ],
            [("user", "[image]\n[file: a.pdf]")],
        ),
        ([{"type": "function_call_output", "call_id": "1", "output": {"a": 1}}], [("tool", '{"a": 1}')]),
        (
            [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
            [("assistant", "No.")],
        ),
    ],
)
def test_items_of_the_responses_api(tmp_path, items, expected):
    found, _ = one(tmp_path, {"object": "response", "id": "resp_1", "output": items})
    assert (found.id, said(found)) == ("resp_1", expected)


def test_a_whole_response_with_instructions(tmp_path):
    record = {
        "id": "r",
        "object": "response",
        "instructions": "Be kind.",
        "input": "Hi",
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}],
    }
    found, problems = one(tmp_path, record)
    assert (said(found), problems) == ([("system", "Be kind."), *HI_SAID], [])


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (
            [{"type": "image", "source": {"type": "base64", "data": "…"}}, {"type": "text", "text": "See"}],
            ("user", "[image]\nSee"),
        ),
        ([{"type": "document", "title": "Plan", "source": {"type": "text"}}], ("user", "[file: Plan]")),
        (
            [{"type": "thinking", "thinking": "hm", "signature": "…"}, {"type": "text", "text": "x"}],
            ("user", "x"),
        ),
        ([{"type": "redacted_thinking", "data": "…"}, {"type": "text", "text": "x"}], ("user", "x")),
        (
            [{"type": "server_tool_use", "name": "web_search", "input": {"query": "q"}}],
            ("user", '[tool call web_search({"query": "q"})]'),
        ),
        (
            [{"type": "web_search_tool_result", "content": [{"type": "web_search_result", "title": "T"}]}],
            ("tool", "[web_search_result]"),
        ),
        ([{"type": "tool_result", "tool_use_id": "1", "content": "a"}], ("tool", "a")),
        (
            [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image", "source": {}}]}],
            ("tool", "[image]"),
        ),
    ],
)
def test_parts_of_anthropics_messages(tmp_path, blocks, expected):
    record = {"messages": [{"role": "user", "content": blocks}, {"role": "assistant", "content": "ok"}]}
    found, problems = one(tmp_path, record)
    assert (said(found), problems) == ([expected, ("assistant", "ok")], [])


def test_results_of_tools_stand_before_what_the_user_says_with_them(tmp_path):
    content = [
        {"type": "tool_result", "content": "a"},
        {"type": "tool_result", "content": "b"},
        {"type": "text", "text": "Go on"},
    ]
    found, _ = one(tmp_path, {"system": "Be kind.", "messages": [{"role": "user", "content": content}]})
    assert said(found) == [("system", "Be kind."), ("tool", "a"), ("tool", "b"), ("user", "Go on")]


def test_an_answer_of_anthropics_interface_by_itself(tmp_path):
    record = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Hello"}],
        "usage": {"input_tokens": 1},
    }
    found, problems = one(tmp_path, record)
    assert (found.id, said(found), problems) == ("msg_1", [("assistant", "Hello")], [])
    assert found.metadata["model"] == "m"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"object": "response", "output": []}, "a response without items"),
        ({"object": "response", "output": 7}, "a response without items"),
        (
            {"messages": [{"role": "wizard", "content": [{"type": "tool_use", "name": "f"}]}]},
            "it is not known which of the speakers 'wizard'",
        ),
        (
            {"messages": [{"type": "alien", "content": "x"}, {"type": "human", "data": {"content": ""}}]},
            "no turn of the conversation has text",
        ),
        ({"version": 2, "status": "started", "eval": {}}, "an evaluation log without samples"),
        ({"mapping": {}, "current_node": "a"}, "the conversation has no messages"),
        (
            {"mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": [""]}}}}},
            "the conversation has no messages",
        ),
        (
            {"mapping": {"a": {"message": {"author": 3, "content": {"parts": ["Hi"]}}}}},
            "message 1 does not say who speaks",
        ),
        ({"chat_messages": []}, "the conversation has no messages"),
        ({"chat_messages": [{"text": "Hi"}]}, "message 1 does not say who speaks"),
        (
            {"scenario": "s", "turns": [{"input": 3}, {"role": "user", "content": None}]},
            "no turn of the conversation has text",
        ),
    ],
)
def test_a_bad_record_costs_itself(tmp_path, record, reason):
    found, problems = read(tmp_path, f"{json.dumps(record)}\n{json.dumps({'messages': HI})}\n", "log.jsonl")
    assert [said(item) for item in found] == [HI_SAID]
    (problem,) = [problem for problem in problems if not problem.kept]
    assert str(problem).startswith(f"{tmp_path}/log.jsonl:1: {reason}")


def test_what_is_no_message_is_told(tmp_path):
    record = {"messages": [7, *LANGCHAIN[:1], {"role": "user"}, {"type": "ai", "data": {"content": ""}}]}
    found, problems = one(tmp_path, record)
    assert said(found) == [("user", "Weather?"), ("assistant", "")]
    assert problems == [
        ("log-1:1 is empty", True),
        ("message 1 cannot be read", True),
        ("message 3 cannot be read", True),
    ]


# Exports of assistants


def node(parent, role="user", *parts, at=None, children=None, **more):
    content = more.pop("content", {"content_type": "text", "parts": list(parts)})
    message = {
        "id": "m",
        "author": {"role": role, **more.pop("author", {})},
        "content": content,
        "create_time": at,
        **more,
    }
    made = {"message": message, "parent": parent}
    return made if children is None else {**made, "children": children}


def tree(**nodes):
    return {"id": "c1", "title": "T", "mapping": nodes}


TREE = tree(
    root={"id": "root", "message": None, "parent": None, "children": ["s"]},
    s=node("root", "system", ""),
    a=node("s", "user", "Hi", at=1714557600),
    b=node("a", "assistant", "Good day", at=1714557601),
    c=node("a", "assistant", "Hello", at=1714557602, metadata={"model_slug": "m1"}),
    d=node("b", "user", "Why?", at=1714557603),
)


def test_a_tree_of_chatgpt_is_walked_from_its_current_node(tmp_path):
    found, problems = one(tmp_path, [{**TREE, "current_node": "c"}])
    assert (found.id, said(found), found.metadata) == ("c1", HI_SAID, {"title": "T"})
    assert problems == [("2 messages of other branches (1 ends) are left out", True)]
    assert found.turns[1].at == datetime(2024, 5, 1, 10, 0, 2, tzinfo=UTC)  # 1714557602 s
    assert found.turns[1].metadata == {"id": "m", "model_slug": "m1"}


@pytest.mark.parametrize(
    ("record", "expected", "reasons"),
    [
        # Without a current node: the leaf that is latest, "Why?" after "Good day".
        (TREE, ["Hi", "Good day", "Why?"], ["1 messages of other branches (1 ends) are left out"]),
        (
            {**TREE, "current_node": "gone"},
            ["Hi", "Good day", "Why?"],
            [
                "its current message is not there: the latest one is taken",
                "1 messages of other branches (1 ends) are left out",
            ],
        ),
        (
            {**tree(a=node("b", "user", "Hi"), b=node("a", "assistant", "Hello")), "current_node": "b"},
            ["Hi", "Hello"],
            ["its messages follow each other in a circle: read from where it closes"],
        ),
        (
            {**tree(a=node("a", "user", "Hi")), "current_node": "a"},
            ["Hi"],
            ["its messages follow each other in a circle: read from where it closes"],
        ),
        (
            {**tree(a=node("gone", "user", "Hi"), b=node("a", "assistant", "Hello")), "current_node": "b"},
            ["Hi", "Hello"],
            ["a message before its first one is missing"],
        ),
        # Only the children are told; then nothing at all, not even in the order of time.
        (
            tree(b=node(None, "assistant", "Hello", children=[]), a=node(None, "user", "Hi", children=["b"])),
            ["Hi", "Hello"],
            [],
        ),
        (
            tree(a=node(None, "user", "Hi", at=1714557602), b=node(None, "assistant", "Hello", at=1714557600)),
            ["Hi", "Hello"],
            [],
        ),
        (
            {**tree(a=node(None, "user", "Hi"), x=7, b=node("a", "assistant", "Hello")), "current_node": "b"},
            ["Hi", "Hello"],
            ["1 messages cannot be read"],
        ),
    ],
)
def test_trees_that_are_not_whole(tmp_path, record, expected, reasons):
    found, problems = one(tmp_path, record)
    assert [turn.content for turn in found.turns] == expected
    assert problems == [(reason, True) for reason in reasons]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"content": {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "See"]}},
            ("user", "[image]\nSee"),
        ),
        (
            {
                "content": {
                    "content_type": "multimodal_text",
                    "parts": [
                        {"content_type": "audio_transcription", "text": "Hey"},
                        {"content_type": "audio_asset_pointer"},
                    ],
                }
            },
            ("user", "Hey\n[audio]"),
        ),
        (
            {"metadata": {"attachments": [{"name": "a.pdf", "mime_type": "application/pdf"}]}, "content": "See"},
            ("user", "See\n[file: a.pdf]"),
        ),
        (
            {
                "content": {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}]},
                "metadata": {"attachments": [{"name": "a.png", "mime_type": "image/png"}]},
            },
            ("user", "[image]"),
        ),
        (
            {"role": "assistant", "recipient": "python", "content": {"content_type": "code", "text": "1+1"}},
            ("assistant", "[tool call python(1+1)]"),
        ),
        (
            {
                "role": "tool",
                "author": {"name": "python"},
                "content": {"content_type": "execution_output", "text": "2"},
            },
            ("tool", "2"),
        ),
        ({"role": "tool", "content": {"content_type": "tether_browsing_display", "result": "page"}}, ("tool", "page")),
        (
            {"role": "assistant", "content": {"content_type": "system_error", "name": "e", "text": "Failed"}},
            ("assistant", "Failed"),
        ),
        (
            {"role": "assistant", "content": {"content_type": "app_pairing_content", "x": 1}},
            ("assistant", "[app_pairing_content]"),
        ),
    ],
)
def test_what_messages_of_chatgpt_show(tmp_path, more, expected):
    record = tree(a=node(None, more.pop("role", "user"), **more), b=node("a", "assistant", "Hello"))
    found, problems = one(tmp_path, record)
    assert (said(found), problems) == ([expected, ("assistant", "Hello")], [])


def test_thoughts_and_hidden_messages_of_chatgpt(tmp_path):
    record = tree(
        a=node(None, "user", content={"content_type": "user_editable_context", "user_instructions": "I am Anna"}),
        b=node("a", "system", "Secret", metadata={"is_visually_hidden_from_conversation": True}),
        c=node("b", "user", "Hi"),
        d=node("c", "assistant", content={"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
        e=node("d", "assistant", content={"content_type": "reasoning_recap", "content": "Thought for 2 s"}),
        f=node("e", "assistant", ""),
        g=node("f", "assistant", "Hello"),
    )
    found, problems = one(tmp_path, record)
    assert said(found) == [("user", "Hi"), ("assistant", "Hello")]
    assert problems == [
        ("2 messages hidden from the user are left out", True),
        ("1 messages are empty and left out", True),
    ]


def test_the_zip_of_chatgpts_export(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("conversations.json", json.dumps([{**TREE, "current_node": "c"}]))
        archive.writestr("user.json", '{"id": "u"}')
        archive.writestr("chat.html", "<html>")
    found, problems = read(tmp_path, made.getvalue(), "export.zip")
    assert [said(item) for item in found] == [HI_SAID]
    assert all(problem.kept for problem in problems)


def test_claudes_export(tmp_path):
    messages = [
        {
            "uuid": "1",
            "sender": "human",
            "text": "Hi",
            "created_at": "2024-05-01T10:00:00Z",
            "attachments": [{"file_name": "a.txt", "extracted_content": "…"}],
            "files": [{"file_name": "b.png", "file_kind": "image"}],
            "files_v2": [{"file_name": "b.png"}],
        },
        {
            "uuid": "2",
            "sender": "assistant",
            "text": "not supported",
            "created_at": "2024-05-01T10:00:01Z",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "tool_use", "name": "f", "input": {"a": 1}},
                {"type": "tool_result", "name": "f", "content": [{"type": "text", "text": "done"}]},
                {"type": "text", "text": "Hello"},
            ],
        },
        {"uuid": "3", "sender": "human", "text": ""},
    ]
    record = {"uuid": "c1", "name": "N", "account": {"uuid": "u"}, "chat_messages": messages}
    found, problems = one(tmp_path, {"conversations": [record]})
    assert (found.id, found.metadata) == ("c1", {"name": "N"})
    assert said(found) == [
        ("user", "Hi\n[file: a.txt]\n[file: b.png]"),
        ("assistant", '[tool call f({"a": 1})]'),
        ("tool", "done"),
        ("assistant", "Hello"),
        ("user", ""),
    ]
    assert problems == [("c1:4 is empty", True)]
    assert found.turns[0].at == datetime(2024, 5, 1, 10, 0, tzinfo=UTC)


def test_branches_of_claude(tmp_path):
    messages = [
        {"uuid": "1", "sender": "human", "text": "Hi", "parent_message_uuid": "0"},
        {"uuid": "2", "sender": "assistant", "text": "What?", "parent_message_uuid": "1"},
        {"uuid": "3", "sender": "assistant", "text": "Hello", "parent_message_uuid": "1"},
        7,
    ]
    record = {"uuid": "c", "current_leaf_message_uuid": "3", "chat_messages": messages}
    found, problems = one(tmp_path, record)
    assert said(found) == HI_SAID
    assert problems == [
        ("1 messages cannot be read", True),
        ("1 messages of other branches (1 ends) are left out", True),
    ]
    messages[0]["parent_message_uuid"] = "3"  # a circle
    assert said(one(tmp_path, record)[0]) == HI_SAID


def test_every_branch_on_request(tmp_path):
    messages = [
        {"uuid": "1", "sender": "human", "text": "Hi", "parent_message_uuid": "0"},
        {"uuid": "2", "sender": "assistant", "text": "What?", "parent_message_uuid": "1"},
        {"uuid": "3", "sender": "assistant", "text": "Hello", "parent_message_uuid": "1"},
    ]
    claude = {"uuid": "c", "current_leaf_message_uuid": "3", "chat_messages": messages}

    def node(role, text, parent):
        author = {"role": role}
        return {"message": {"author": author, "content": {"content_type": "text", "parts": [text]}}, "parent": parent}

    tree = {"a": node("user", "Hi", None), "b": node("assistant", "What?", "a"), "c": node("assistant", "Hello", "a")}
    chatgpt = {"id": "c", "title": "x", "current_node": "c", "mapping": tree}
    for record, form in ((claude, "claude-branches"), (chatgpt, "chatgpt-branches")):
        found, problems = read(tmp_path, json.dumps([record]), format=form)
        assert [(one.id, said(one)) for one in found] == [
            ("c", HI_SAID),
            ("c-branch2", [("user", "Hi"), ("assistant", "What?")]),
        ]
        assert problems == []
        assert len(read(tmp_path, json.dumps([record]))[0]) == 1
    messages.append({"uuid": ["4"], "sender": "human", "text": "?", "parent_message_uuid": "3"})
    chatgpt["current_node"] = ["c"]  # ids that are none
    for record, form, count in ((claude, "claude-branches", 3), (chatgpt, "chatgpt-branches", 2)):
        assert len(read(tmp_path, json.dumps([record]), format=form)[0]) == count


def coded(kind, own, parent, content, message=None, **more):
    told = {"role": kind, "content": content, **({"id": message} if message else {})}
    return {
        "type": kind,
        "sessionId": "s1",
        "uuid": own,
        "parentUuid": parent,
        "message": told,
        "timestamp": "2024-05-01T10:00:00Z",
        **more,
    }


def test_sessions_of_claude_code(tmp_path):
    use = {"type": "tool_use", "name": "Read", "input": {"path": "a"}}
    records = [
        {"type": "summary", "summary": "A greeting", "leafUuid": "f"},
        {"type": "file-history-snapshot", "messageId": "a", "snapshot": {}},
        coded("user", "m", None, "<caveat>", isMeta=True),
        coded("user", "a", None, "Hi", cwd="/x"),
        coded("assistant", "b", "a", [{"type": "thinking", "thinking": "hm"}], "m1"),
        coded("assistant", "c", "b", [{"type": "text", "text": "Let me see."}], "m1"),
        coded("assistant", "d", "c", [use], "m1"),
        coded("user", "s1", None, "Look", isSidechain=True),
        coded("assistant", "s2", "s1", [{"type": "text", "text": "Seen"}], isSidechain=True),
        coded("user", "e", "d", [{"type": "tool_result", "content": "text"}]),
        coded("assistant", "f", "e", [{"type": "text", "text": "Hello"}], "m2"),
        coded("assistant", "f", "e", [{"type": "text", "text": "Hello"}], "m2"),  # again, as of a resumed session
    ]
    found, problems = read(tmp_path, "".join(json.dumps(item) + "\n" for item in records), "s1.jsonl")
    assert [(item.id, said(item)) for item in found] == [
        (
            "s1",
            [
                ("user", "Hi"),
                ("assistant", 'Let me see.\n[tool call Read({"path": "a"})]'),
                ("tool", "text"),
                ("assistant", "Hello"),
            ],
        ),
        ("s1-side-s1", [("user", "Look"), ("assistant", "Seen")]),
    ]
    assert found[0].metadata == {"cwd": "/x", "summary": "A greeting"}
    assert found[0].turns[0].at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert told(tmp_path, problems) == [
        (
            "s1.jsonl: 4 records of the program itself are left out "
            "(1 summary, 1 file-history-snapshot, 1 meta, 1 repeated)",
            True,
        )
    ]


def test_a_prompt_that_was_taken_back(tmp_path):
    records = [
        coded("user", "a", None, "Hi"),
        coded("assistant", "b", "a", "Hello"),
        coded("user", "c", "b", "Wrong"),
        coded("assistant", "d", "c", "Yes"),
        coded("user", "e", "b", "Right"),
        coded("assistant", "f", "e", "Fine"),
    ]
    found, problems = one(tmp_path, "".join(json.dumps(item) + "\n" for item in records))
    assert said(found) == [*HI_SAID, ("user", "Right"), ("assistant", "Fine")]
    assert problems == [("2 turns were taken back by another prompt and are left out", True)]


# Evaluation tools

SAMPLE = {
    "id": "q",
    "epoch": 2,
    "input": "Hi",
    "target": "Hello",
    "messages": [
        {"role": "user", "content": "attachment://h"},
        {
            "role": "assistant",
            "content": [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Hello"}],
            "tool_calls": [{"id": "c", "function": "bash", "arguments": {"cmd": "ls"}, "type": "function"}],
        },
        {"role": "tool", "content": "a b", "function": "bash"},
    ],
    "attachments": {"h": "Hi"},
    "scores": {"match": {"value": "C", "answer": "Hello"}},
}
SAMPLE_SAID = [
    ("user", "Hi"),
    ("assistant", 'Hello\n[tool call bash({"cmd": "ls"})]'),
    ("tool", "a b"),
]


def test_inspects_logs(tmp_path):
    bare = {
        "id": "r",
        "epoch": 1,
        "input": [{"role": "user", "content": "Hi"}],
        "messages": [],
        "target": "",
        "output": {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]},
    }
    log = {"version": 2, "status": "success", "eval": {"model": "m"}, "samples": [SAMPLE, bare, 7]}
    found, problems = read(tmp_path, json.dumps(log), "log.json")
    assert [(item.id, said(item)) for item in found] == [("log-1-q-2", SAMPLE_SAID), ("log-1-r-1", HI_SAID)]
    assert found[0].metadata == {"target": "Hello", "scores": {"match": "C"}, "model": "m"}
    assert [problem.reason for problem in problems] == ["3: the conversation has no turns"]


def test_inspects_archives(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("header.json", '{"version": 2, "status": "success", "eval": {}}')
        archive.writestr("_journal/start.json", "{}")
        archive.writestr("samples/q_epoch_2.json", json.dumps(SAMPLE))
        archive.writestr("summaries.json", "[]")
    found, problems = read(tmp_path, made.getvalue(), "log.eval")
    assert [(item.id, said(item)) for item in found] == [("q", SAMPLE_SAID)]
    assert all(problem.kept for problem in problems)


def test_deepevals_cases(tmp_path):
    case = {
        "name": "n",
        "scenario": "s",
        "turns": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello", "tools_called": [{"name": "f", "input_parameters": {"a": 1}}]},
        ],
    }
    old = {"turns": [{"input": "Hi", "actual_output": "Hello"}, {"input": "Bye", "actual_output": "See you"}]}
    found, problems = read(
        tmp_path,
        json.dumps(
            {
                "testCases": [{"input": "Hi", "actualOutput": "Hello", "success": True}],
                "conversationalTestCases": [case, old],
            }
        ),
        "run.json",
    )
    assert problems == []
    assert [said(item) for item in found] == [
        [("user", "Hi"), ("assistant", 'Hello\n[tool call f({"a": 1})]')],
        [*HI_SAID, ("user", "Bye"), ("assistant", "See you")],
        HI_SAID,
    ]
    assert [item.metadata for item in found] == [{"name": "n", "scenario": "s"}, {}, {"success": True}]


def result(number, prompt, output, conversation=None, **more):
    return {
        "id": f"r{number}",
        "promptIdx": 0,
        "testIdx": number,
        "prompt": {"raw": prompt, "label": "p"},
        "vars": {},
        "provider": {"id": "m"},
        "response": {"output": output},
        "testCase": {"metadata": {"conversationId": conversation} if conversation else {}},
        **more,
    }


def test_promptfoos_results(tmp_path):
    history = json.dumps([*HI, {"role": "user", "content": "Bye"}])
    results = [
        result(1, json.dumps(HI[:1]), "Hello", "t"),
        result(2, "Name a colour", {"colour": "red"}),
        result(3, history, "See you", "t"),
        "junk",
        result(4, "Hi", None, error="timeout"),
    ]
    log = {"evalId": "e", "results": {"version": 3, "results": results, "stats": {}}, "config": {}}
    found, problems = read(tmp_path, json.dumps(log), "results.json")
    assert [(item.id, said(item)) for item in found] == [
        ("t m", [*HI_SAID, ("user", "Bye"), ("assistant", "See you")]),
        ("r2", [("user", "Name a colour"), ("assistant", '{"colour": "red"}')]),
        ("r4", [("user", "Hi")]),
    ]
    assert told(tmp_path, problems) == [("results.json:1: 4: no result", False)]
    assert found[2].metadata["error"] == "timeout"


def test_promptfoos_cases(tmp_path):
    case = {"vars": {"_conversation": [{"input": "Hi", "output": "Hello"}, {"prompt": "Bye", "output": "See you"}, 7]}}
    assert said(one(tmp_path, case)[0]) == [*HI_SAID, ("user", "Bye"), ("assistant", "See you")]


def test_a_truncated_export_keeps_what_is_whole(tmp_path):
    whole = json.dumps([{**TREE, "current_node": "c"}, {**TREE, "id": "c2", "current_node": "d"}])
    found, problems = read(tmp_path, whole[:-40], "conversations.json")
    assert [said(item) for item in found] == [HI_SAID]
    assert [problem.reason for problem in problems if not problem.kept][-1].startswith("the file ends before its JSON")


def test_ids_that_come_again_get_a_number(tmp_path):
    found, problems = read(tmp_path, json.dumps([{**TREE, "current_node": "c"}] * 2), "conversations.json")
    assert [item.id for item in found] == ["c1", "c1#2"]
    assert "the id 'c1' was there before; this one is 'c1#2'" in [problem.reason for problem in problems]


@pytest.mark.slow
@pytest.mark.parametrize("depth", [300, 900])
@pytest.mark.parametrize("form", [LOG_FORMATS.get(name) for name in PLATFORMS], ids=lambda form: form.name)
def test_deep_json_costs_itself(tmp_path, form, depth):
    """Every value of an example in turn is put deep into lists and objects: nothing else than LogError comes."""
    records = [json.loads(line) for line in form.example.splitlines()]
    deep = "[" * depth + '{"content": "x"}' + "]" * depth

    def holes(value):
        if isinstance(value, dict):
            for key in value:
                yield {**value, key: "HOLE"}
                yield from ({**value, key: inner} for inner in holes(value[key]))
        elif isinstance(value, list):
            for place, item in enumerate(value):
                yield [*value[:place], "HOLE", *value[place + 1 :]]
                yield from ([*value[:place], inner, *value[place + 1 :]] for inner in holes(item))

    for record in records:
        for hole in holes(record):
            lines = [json.dumps(hole).replace('"HOLE"', deep), json.dumps({"messages": HI})]
            found, _ = read(tmp_path, "\n".join(lines), "log.jsonl")
            assert said(found[-1]) == HI_SAID or any(said(item) == HI_SAID for item in found)
