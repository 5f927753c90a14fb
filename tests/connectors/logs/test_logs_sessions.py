"""Session files of command lines and editors."""

import json

import pytest

from convexplain.parts import Reasoning, ToolResult

from .reading import read, said


def lines(*records):
    return "\n".join(map(json.dumps, records))


def rollout(kind, payload, second=0):
    return {"timestamp": f"2026-08-25T10:00:{second:02}Z", "type": kind, "payload": payload}


def item(role, text):
    kind = "output_text" if role == "assistant" else "input_text"
    return rollout("response_item", {"type": "message", "role": role, "content": [{"type": kind, "text": text}]})


META = rollout("session_meta", {"id": "s", "cwd": "/work", "cli_version": "1", "instructions": None})
CONTEXT = item("user", "<environment_context>\n<cwd>/w</cwd>\n</environment_context>")
PROMPT = rollout("event_msg", {"type": "user_message", "message": "List the files."}, 1)


@pytest.mark.parametrize("events", [[PROMPT], []])
def test_codex(tmp_path, events):
    records = [
        META,
        item("developer", "<permissions>sandbox</permissions>"),
        CONTEXT,
        item("user", "List the files."),
        *events,
        rollout("response_item", {"type": "reasoning", "summary": [{"type": "summary_text", "text": "A list."}]}),
        rollout("response_item", {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "k"}),
        rollout("response_item", {"type": "function_call_output", "call_id": "k", "output": "a.py"}),
        rollout("event_msg", {"type": "token_count", "info": {}}),
        rollout("compacted", {"message": "They listed files."}),
        item("assistant", "One file, a.py."),
    ]
    (conversation,), problems = read(tmp_path, lines(*records), "rollout.jsonl")
    assert conversation.id == "s"
    assert conversation.metadata == {"cwd": "/work", "cli_version": "1"}
    assert said(conversation) == [
        ("user", "List the files."),
        ("assistant", "[tool call shell({})]"),
        ("tool", "a.py"),
        ("assistant", "One file, a.py."),
    ]
    assert conversation.turns[1].parts[0] == Reasoning("A list.")
    assert [problem.reason for problem in problems] == [
        "left out: 2 messages of the program's own context, 1 summary of earlier turns"
    ]


def test_codex_prompts_behind_an_editors_context(tmp_path):
    message = item("user", "# Context from my IDE setup:\n<tab>a.py</tab>\n## My request:\nList the files.")
    (conversation,), _ = read(tmp_path, lines(META, message, PROMPT, item("assistant", "a.py")), "rollout.jsonl")
    assert [turn.role for turn in conversation.turns] == ["user", "assistant"]


def test_codex_sessions_of_events_alone_and_several_in_a_file(tmp_path):
    answer = rollout("event_msg", {"type": "agent_message", "message": "a.py"}, 2)
    second = rollout("session_meta", {"id": "t"})
    records = [META, rollout("session_meta", {"id": "parent"}), PROMPT, answer, second, item("user", "Hi")]
    conversations, _ = read(tmp_path, lines(*records), "rollout.jsonl")
    assert [(conversation.id, said(conversation)) for conversation in conversations] == [
        ("s", [("user", "List the files."), ("assistant", "a.py")]),
        ("t", [("user", "Hi")]),
    ]


def gemini(name, kind, content, **more):
    return {"id": name, "timestamp": "2026-03-02T09:15:00Z", "type": kind, "content": content, **more}


HEADER = {"sessionId": "s", "projectHash": "p", "startTime": "2026-03-02T09:15:00Z"}
RESULT = [{"functionResponse": {"id": "c", "name": "ls", "response": {"output": "a.py"}}}]
MESSAGES = [
    gemini("1", "user", [{"text": "@notes.md the whole file"}], displayContent=[{"text": "List the files."}]),
    gemini("2", "info", "Update available"),
    gemini(
        "3",
        "gemini",
        "I look.",
        thoughts=[{"subject": "List", "description": "ls will do."}],
        toolCalls=[{"id": "c", "name": "ls", "args": {"all": True}, "result": RESULT, "status": "success"}],
    ),
    gemini("4", "gemini", "One file, a.py."),
]
TURNS = [
    ("user", "List the files."),
    ("assistant", 'I look.\n[tool call ls({"all": true})]'),
    ("tool", "a.py"),
    ("assistant", "One file, a.py."),
]


@pytest.mark.parametrize(
    "log",
    [
        json.dumps({**HEADER, "messages": MESSAGES}),
        lines(HEADER, *MESSAGES),
        lines(
            HEADER,
            *MESSAGES[:3],
            gemini("4", "gemini", "One"),
            MESSAGES[3],  # comes again, whole
            gemini("5", "user", "Thanks"),
            gemini("6", "gemini", "No trouble."),
            {"$rewindTo": "5"},
            {"$set": {"lastUpdated": "2026-03-02T09:16:00Z"}},
        ),
    ],
)
def test_gemini_cli(tmp_path, log):
    (conversation,), problems = read(tmp_path, log, "session.jsonl")
    assert conversation.id == "s"
    assert said(conversation) == TURNS
    assert conversation.turns[1].parts[0] == Reasoning("List: ls will do.")
    reasons = ["left out: 1 note of the program"]
    place = "messages[*].content[].text" if "messages" in log else "content[*].text"
    typed = f"1 text of 24 characters is in no turn and no metadata: {place!r} (24)"  # what stood behind the @
    assert [problem.reason for problem in problems] == [
        *reasons,
        *(["2 messages were taken back and are left out"] if "rewind" in log else []),
        typed,
    ]


def request(*pieces, text="Q?", **more):
    return {"requestId": "r", "message": {"text": text, "parts": []}, "response": list(pieces), **more}


TOOL = {
    "kind": "toolInvocationSerialized",
    "toolId": "copilot_runInTerminal",
    "toolCallId": "t",
    "invocationMessage": "Using",
    "toolSpecificData": {"kind": "terminal", "command": "npm test"},
}
PIECES = [
    {"kind": "thinking", "value": "Tests first."},
    {"value": "Running the tests of "},
    {"kind": "inlineReference", "inlineReference": {"path": "/w/app.py", "scheme": "file"}},
    {"value": "."},
    {"kind": "prepareToolInvocation", "toolName": "x"},
    TOOL,
    {"kind": "textEditGroup", "uri": {"path": "/w/app.py"}},
    {"kind": "markdownContent", "content": {"value": "All green."}},
]
ANSWER = "Running the tests of `app.py`.\n[tool call copilot_runInTerminal(npm test)]\n[edit: app.py]\nAll green."


def test_vscode_chat(tmp_path):
    requests = [request(*PIECES, vote=1, timestamp=1700000000000), request(text="Again?", isCanceled=True)]
    record = {"requesterUsername": "ann", "responderUsername": "GitHub Copilot", "requests": requests}
    (conversation,), problems = read(tmp_path, json.dumps(record, indent=1))
    assert said(conversation) == [("user", "Q?"), ("assistant", ANSWER), ("user", "Again?")]
    assert [turn.name for turn in conversation.turns] == ["ann", "GitHub Copilot", "ann"]
    assert conversation.turns[1].parts[0] == Reasoning("Tests first.")
    assert conversation.turns[1].metadata["ratings"] == [{"name": "vote", "score": 1.0, "label": "up"}]
    assert [problem.reason for problem in problems] == [
        "left out: 1 prepareToolInvocation piece, 1 answer that failed or was cancelled"
    ]


def test_vscode_journals(tmp_path):
    journal = [
        {"kind": 0, "v": {"version": 3, "sessionId": "s", "requests": []}},
        {"kind": 1, "k": ["customTitle"], "v": "Sums"},
        {"kind": 2, "k": ["requests"], "v": [request()]},
        {"kind": 2, "k": ["requests", 0, "response"], "v": [{"value": "An"}]},
        {"kind": 2, "k": ["requests", 0, "response"], "v": [{"value": "swer."}]},
        {"kind": 1, "k": ["requests", 7, "vote"], "v": 1},
    ]
    (conversation,), problems = read(tmp_path, lines(*journal), "s.jsonl")
    assert (conversation.id, conversation.metadata["customTitle"]) == ("s", "Sums")
    assert said(conversation) == [("user", "Q?"), ("assistant", "Answer.")]
    assert [(problem.line, problem.reason) for problem in problems] == [(6, "a change of something that is not there")]


def state(thread, *texts, at="2026-03-02T09:15:00Z"):
    messages = [{"type": ("human", "ai")[place % 2], "content": text} for place, text in enumerate(texts)]
    return {"values": {"messages": messages}, "next": [], "checkpoint": {"thread_id": thread}, "created_at": at}


def test_lang_graph(tmp_path):
    history = [
        state("a", "Hi", "Hello", "Why?", "So."),
        state("b", "Hey"),
        state("a", "Hi", "Hello", at="2026-03-02T09:14:00Z"),
        state("a", "Hi", "Good day", at="2026-03-02T09:13:00Z"),
        state("a", at="2026-03-02T09:12:00Z") | {"values": {"messages": [{"type": "human", "content": "Hi"}]}},
    ]
    conversations, problems = read(tmp_path, json.dumps(history))
    assert [(conversation.id, [turn.content for turn in conversation.turns]) for conversation in conversations] == [
        ("a", ["Hi", "Hello", "Why?", "So."]),
        ("a-branch2", ["Hi", "Good day"]),
        ("b", ["Hey"]),
    ]
    assert [problem.reason for problem in problems] == ["2 earlier states hold nothing more"]


def test_continue(tmp_path):
    call = {"id": "c", "type": "function", "function": {"name": "edit", "arguments": '{"file": "a.py"}'}}
    question = [{"type": "text", "text": "Rename foo"}, {"type": "imageUrl", "imageUrl": {"url": "data:x"}}]
    history = [
        {"message": {"role": "user", "content": question}, "contextItems": [{"name": "a.py", "content": "code"}]},
        {"message": {"role": "thinking", "content": "Callers first."}, "contextItems": []},
        {"message": {"role": "assistant", "content": "", "toolCalls": [call]}, "reasoning": {"text": "Then foo."}},
        {"message": {"role": "tool", "content": "done", "toolCallId": "c"}},
        {"message": {"role": "assistant", "content": "Renamed."}},
    ]
    (conversation,), problems = read(tmp_path, json.dumps({"sessionId": "s", "title": "T", "history": history}))
    assert (conversation.id, conversation.metadata) == ("s", {"title": "T"})
    assert said(conversation) == [
        ("user", "Rename foo\n[image]"),
        ("assistant", '[tool call edit({"file": "a.py"})]'),
        ("tool", "done"),
        ("assistant", "Renamed."),
    ]
    assert [part.text for part in conversation.turns[1].parts[:2]] == ["Callers first.", "Then foo."]
    assert conversation.turns[2].parts == (ToolResult("done", "c"),)
    assert conversation.turns[0].metadata["contextItems"] == [{"name": "a.py", "content": "code"}]
    assert problems == []
