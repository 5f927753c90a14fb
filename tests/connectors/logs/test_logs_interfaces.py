"""Exports of chat interfaces."""

import json

import pytest

from convexplain.connectors.logs import inspect_log
from convexplain.parts import Reasoning

from .reading import read, said, write


def thoughts(turn):
    return [part.text for part in turn.parts if isinstance(part, Reasoning)]


LIBRE = {"conversationId": "c", "title": "Router"}


def libre(name, parent, text, user=False, **more):
    second = int(name[1:])
    return {
        "messageId": name,
        "parentMessageId": parent,
        "isCreatedByUser": user,
        "sender": "User" if user else "GPT-4",
        "createdAt": f"2024-05-28T18:08:{second:02}Z",
        "text": text,
        **more,
    }


ROOT = "00000000-0000-0000-0000-000000000000"
FLAT = [
    libre("m1", ROOT, "Why?", True),
    libre("m2", "m1", "Perhaps."),
    libre("m3", "m1", "Because."),
    libre("m4", "m3", "Thanks", True),
]


def nested(messages):
    children = {message["messageId"]: [] for message in messages}
    for message in messages:
        children.get(message["parentMessageId"], []).append(message)
    for message in messages:
        message["children"] = children[message["messageId"]]
    return [message for message in messages if message["parentMessageId"] == ROOT]


@pytest.mark.parametrize(
    "record", [{**LIBRE, "messages": FLAT}, {**LIBRE, "messagesTree": nested([dict(message) for message in FLAT])}]
)
def test_librechat(tmp_path, record):
    (conversation,), problems = read(tmp_path, json.dumps(record))
    assert said(conversation) == [("user", "Why?"), ("assistant", "Because."), ("user", "Thanks")]
    assert conversation.id == "c"
    assert conversation.metadata["title"] == "Router"
    assert [turn.name for turn in conversation.turns] == [None, "GPT-4", None]
    assert [problem.reason for problem in problems] == ["1 messages of other branches (1 ends) are left out"]
    branches, _ = read(tmp_path, json.dumps(record), format="librechat-branches")
    assert [(branch.id, said(branch)[1][1]) for branch in branches] == [("c", "Because."), ("c-branch2", "Perhaps.")]


def test_librechat_contents(tmp_path):
    content = [
        {"type": "think", "think": "Let me look."},
        {"type": "tool_call", "tool_call": {"id": "t", "name": "find", "args": '{"q": 1}', "output": "nothing"}},
        {"type": "text", "text": {"value": "No."}},
    ]
    messages = [
        libre("m1", ROOT, "Why?", True, files=[{"filename": "a.pdf"}]),
        libre("m2", "m1", "", content=content),
        libre("m3", "m2", "Out of credit", error=True),
    ]
    (conversation,), problems = read(tmp_path, json.dumps({**LIBRE, "messages": messages}))
    assert said(conversation) == [
        ("user", "Why?\n[file: a.pdf]"),
        ("assistant", '[tool call find({"q": 1})]'),
        ("tool", "nothing"),
        ("assistant", "No."),
    ]
    assert thoughts(conversation.turns[1]) == ["Let me look."]
    assert "1 message about errors" in problems[0].reason


def webui(**messages):
    history = {
        "currentId": list(messages)[-1],
        "messages": {key: {"id": key, **body} for key, body in messages.items()},
    }
    return {"id": "c", "title": "T", "chat": {"title": "T", "params": {"system": "Be brief."}, "history": history}}


QUESTION = {"parentId": None, "role": "user", "content": "12 * 12?"}
DETAILS = (
    '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n&gt; a gross\n'
    "</details>\nIt is 144."
)


def test_open_webui(tmp_path):
    answer = {"parentId": "a", "role": "assistant", "model": "m"}
    record = webui(
        a=QUESTION,
        b={**answer, "content": "It is 122."},
        c={**answer, "content": DETAILS, "annotation": {"rating": -1}},
    )
    conversations, problems = read(tmp_path, json.dumps([record, {**record, "id": "d"}]))
    assert [conversation.id for conversation in conversations] == ["c", "d"]
    assert said(conversations[0])[:2] == [("system", "Be brief."), ("user", "12 * 12?")]
    assert conversations[0].turns[2].content == "It is 144."
    assert thoughts(conversations[0].turns[2]) == ["a gross"]
    assert conversations[0].turns[2].metadata["ratings"] == [{"name": "rating", "score": 0.0, "label": "-1"}]
    assert problems[0].reason.startswith("1 messages of other branches (1 ends) are left out")
    (alone,), _ = read(tmp_path, json.dumps(record["chat"]))
    assert said(alone) == said(conversations[0])
    branches, _ = read(tmp_path, json.dumps(record), format="openwebui-branches")
    assert [branch.turns[-1].content for branch in branches] == ["It is 144.", "It is 122."]


def test_open_webui_calls_of_tools(tmp_path):
    call = (
        '<details type="tool_calls" done="true" id="t" name="find" arguments="{&quot;q&quot;: 1}" '
        'result="&quot;none&quot;">\n<summary>Tool Executed</summary>\n</details>\nNothing there.'
    )
    record = webui(a=QUESTION, b={"parentId": "a", "role": "assistant", "content": call})
    (conversation,), problems = read(tmp_path, json.dumps(record))
    assert said(conversation)[2:] == [
        ("assistant", '[tool call find({"q": 1})]'),
        ("tool", '"none"'),
        ("assistant", "Nothing there."),
    ]
    assert problems == []


def test_grok(tmp_path):
    def response(name, parent, text, **more):
        at = {"$date": {"$numberLong": str(1735689600000 + len(text))}}
        sender = "ASSISTANT" if more else "human"
        body = {"_id": name, "parent_response_id": parent, "message": text, "sender": sender, "create_time": at, **more}
        return {"response": body, "share_link": None}

    responses = [
        response("1", None, "Hi"),
        response("2", "1", "Good day", model="grok-4", thinking_trace="A greeting."),
        response("3", "1", "Hello", model="grok-4", thinking_trace="Again."),
    ]
    record = {"conversation": {"id": "g", "title": "T", "leaf_response_id": "3"}, "responses": responses}
    for log in ({"conversations": [record], "projects": []}, [record]):
        (conversation,), problems = read(tmp_path, json.dumps(log))
        assert conversation.id == "g"
        assert said(conversation) == [("user", "Hi"), ("assistant", "Hello")]
        assert conversation.turns[0].at.year == 2025
        assert thoughts(conversation.turns[1]) == ["Again."]
        assert [problem.reason for problem in problems] == ["1 messages of other branches (1 ends) are left out"]
    branches, _ = read(tmp_path, json.dumps(record), format="grok-branches")
    assert [branch.turns[1].content for branch in branches] == ["Hello", "Good day"]


@pytest.mark.parametrize("keys", [("id", "parent", "children"), ("children",)])
def test_deepseek(tmp_path, keys):
    def node(name, parent, children, *fragments):
        links = {"id": name, "parent": parent, "children": children}
        pieces = [{"type": kind, "content": text} for kind, text in fragments]
        message = {
            "inserted_at": f"2026-01-01T10:0{len(name)}:00+08:00",
            "model": "deepseek-reasoner",
            "fragments": pieces,
        }
        return {key: links[key] for key in keys} | {"message": message if fragments else None}

    mapping = {
        "root": node("root", None, ["q"]),
        "q": node("q", "root", ["a", "aa"], ("REQUEST", "Hi")),
        "a": node("a", "q", [], ("RESPONSE", "Good day")),
        "aa": node("aa", "q", [], ("THINK", "A greeting."), ("SEARCH", None), ("RESPONSE", "Hello")),
    }
    (conversation,), problems = read(tmp_path, json.dumps([{"id": "d", "title": "T", "mapping": mapping}]))
    assert conversation.id == "d"
    assert said(conversation) == [("user", "Hi"), ("assistant", "[tool call search()]\nHello")]
    assert thoughts(conversation.turns[1]) == ["A greeting."]
    assert problems[0].reason == "1 messages of other branches (1 ends) are left out"


def test_ai_studio(tmp_path):
    chunks = [
        {"role": "user", "driveImage": {"id": "x"}},
        {"role": "user", "text": "What is it?"},
        {"role": "model", "text": "Looking", "isThought": True},
        {"role": "model", "executableCode": {"language": "PYTHON", "code": "1+1"}},
        {"role": "model", "codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
        {"role": "model", "parts": [{"text": "A "}, {"text": "hm", "thought": True}, {"text": "cat."}]},
        {"role": "model", "text": "", "errorMessage": "An internal error"},
    ]
    record = {"runSettings": {}, "systemInstruction": {"parts": [{"text": "Be brief."}]}}
    (conversation,), problems = read(tmp_path, json.dumps({**record, "chunkedPrompt": {"chunks": chunks}}))
    assert said(conversation) == [
        ("system", "Be brief."),
        ("user", "[image]"),
        ("user", "What is it?"),
        ("assistant", "[tool call code_execution(1+1)]"),
        ("tool", "2"),
        ("assistant", "A cat."),
    ]
    assert [problem.reason for problem in problems] == ["left out: 1 message about errors"]
    assert list(map(thoughts, conversation.turns)) == [[], [], [], ["Looking"], [], ["hm"]]


def test_chatbot_ui(tmp_path):
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    chats = [{"id": key, "name": key, "messages": messages, "prompt": "Be brief.", "folderId": None} for key in "ab"]
    for log in ({"version": 4, "history": chats, "folders": [], "prompts": []}, chats):  # version 1 is a list
        conversations, problems = read(tmp_path, json.dumps(log))
        assert [conversation.id for conversation in conversations] == ["a", "b"]
        assert said(conversations[1]) == [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello")]
        assert problems == []


def test_gemini_takeout(tmp_path):
    def activity(title, *html, header="Gemini Apps"):
        answers = {"safeHtmlItem": [{"html": text} for text in html]} if html else {}
        return {"header": header, "title": title, "time": "2026-03-02T09:15:00.000Z", "products": [header], **answers}

    log = [
        activity("Prompted How?", "<p>Like <b>this</b>.</p>"),
        activity("Used Gemini Apps"),
        activity("Eingegebener Prompt: Wie?", "<p>So.</p>"),
        activity("Asked Bard: And now?"),
    ]
    conversations, problems = read(tmp_path, json.dumps(log))
    assert list(map(said, conversations)) == [
        [("user", "How?"), ("assistant", "Like this.")],
        [("user", "Eingegebener Prompt: Wie?"), ("assistant", "So.")],
        [("user", "And now?")],
    ]
    assert {problem.reason for problem in problems} == {
        "the export does not say which prompts belong together: each prompt with its answer is a conversation",
        "the prompt begins with the activity's verb, in a language that is not known",
        "1 activities that are no prompts are left out (1 Used)",
    }
    assert inspect_log(write(tmp_path, json.dumps([activity("Watched a film", header="YouTube")]))).turns == 0


def test_lm_studio(tmp_path):
    def text(words):
        return [{"type": "text", "text": words}]

    def answer(words):
        return {"type": "multiStep", "role": "assistant", "senderInfo": {"senderName": "qwen"}, "steps": words}

    thought = {"type": "contentBlock", "style": {"type": "thinking"}, "content": text("A greeting.")}
    call = {"type": "toolCallRequest", "callId": "1", "name": "find", "parameters": {"q": 1}}
    steps = [
        thought,
        {"type": "contentBlock", "content": [*text("Let me look."), call]},
        {"type": "toolStatus"},
        {"type": "contentBlock", "content": [{"type": "toolCallResult", "content": "none"}]},
        {"type": "contentBlock", "content": text("Hello")},
        {"type": "debugInfoBlock", "debugInfo": "x"},
    ]
    messages = [
        {"versions": [{"type": "singleStep", "role": "user", "content": text("Hi")}], "currentlySelected": 0},
        {
            "versions": [answer([{"type": "contentBlock", "content": text("Hm?")}]), answer(steps)],
            "currentlySelected": 1,
        },
    ]
    record = {"name": "T", "createdAt": 1700000000000, "systemPrompt": "Be brief.", "messages": messages}
    (conversation,), problems = read(tmp_path, json.dumps(record, indent=1))
    assert said(conversation) == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", 'Let me look.\n[tool call find({"q": 1})]'),
        ("tool", "none"),
        ("assistant", "Hello"),
    ]
    assert conversation.turns[-1].name == "qwen"
    assert thoughts(conversation.turns[2]) == ["A greeting."]
    assert [problem.reason for problem in problems] == ["1 messages of other branches (1 ends) are left out"]
    branches, _ = read(tmp_path, json.dumps(record), format="lm-studio-branches")
    assert [branch.turns[-1].content for branch in branches] == ["Hello", "Hm?"]


def test_silly_tavern(tmp_path):
    header = {"user_name": "You", "character_name": "Guide", "create_date": "2024-2-12", "chat_metadata": {"x": 1}}
    first = {"name": "Guide", "is_user": False, "mes": "Welcome!", "swipes": ["Hey.", "Welcome!"], "swipe_id": 1}
    lines = [
        header,
        first,
        {"name": "You", "is_user": True, "mes": "To the coast."},
        {"name": "System", "is_user": False, "is_system": True, "mes": "[checkpoint]"},
        {"name": "Guide", "is_user": False, "mes": "Take the ferry.", "extra": {"reasoning": "ferries run"}},
        header,
        {"name": "You", "is_user": True, "mes": "Again?"},
    ]
    content = "\n".join(map(json.dumps, lines))
    conversations, problems = read(tmp_path, content, "chat.jsonl")
    assert [(conversation.id, said(conversation)) for conversation in conversations] == [
        ("chat-1", [("assistant", "Welcome!"), ("user", "To the coast."), ("assistant", "Take the ferry.")]),
        ("chat-2", [("user", "Again?")]),
    ]
    assert [problem.reason for problem in problems] == [
        "1 messages of other branches (1 ends) are left out",
        "left out: 1 message hidden from the model",
    ]
    assert thoughts(conversations[0].turns[2]) == ["ferries run"]
    branches, _ = read(tmp_path, content, "chat.jsonl", format="silly-tavern-branches")
    assert [(branch.id, branch.turns[0].content) for branch in branches] == [
        ("chat-1", "Welcome!"),
        ("chat-1-branch2", "Hey."),
        ("chat-2", "Again?"),
    ]


def test_llama_index(tmp_path):
    def message(role, *blocks, **more):
        return {"role": role, "additional_kwargs": more, "blocks": list(blocks)}

    def text(words):
        return {"block_type": "text", "text": words}

    call = {"id": "c", "function": {"name": "find", "arguments": "{}"}}
    first = [
        message("user", text("Hi"), {"block_type": "image", "path": "/x/a.png"}),
        message("assistant", {"block_type": "thinking", "content": "Hm."}, text("Let me look."), tool_calls=[call]),
        message("assistant", {"block_type": "tool_call", "tool_name": "find", "tool_kwargs": {"q": 1}}),
    ]
    store = {"user1": first, "user2": [{"role": "user", "content": "Old form", "additional_kwargs": {}}]}
    record = {"store": store, "class_name": "SimpleChatStore"}
    conversations, problems = read(tmp_path, json.dumps(record))
    assert [(conversation.id, said(conversation)) for conversation in conversations] == [
        (
            "user1",
            [
                ("user", "Hi\n[image: a.png]"),
                ("assistant", "Let me look.\n[tool call find({})]"),
                ("assistant", '[tool call find({"q": 1})]'),
            ],
        ),
        ("user2", [("user", "Old form")]),
    ]
    assert thoughts(conversations[0].turns[1]) == ["Hm."]
    assert problems == []


def test_autogen(tmp_path):
    def message(source, content, kind="TextMessage"):
        return {"source": source, "models_usage": None, "metadata": {}, "content": content, "type": kind}

    messages = [
        message("user", "Write a haiku."),
        message("writer", [{"id": "c", "name": "find", "arguments": "{}"}], "ToolCallRequestEvent"),
        message("writer", [{"content": "none", "call_id": "c", "name": "find"}], "ToolCallExecutionEvent"),
        message("writer", "Rain on the tin roof"),
        message("critic", "Too short."),
        message("writer", "x", "ModelClientStreamingChunkEvent"),
    ]
    for log in (messages, {"messages": messages, "stop_reason": None}):
        (conversation,), problems = read(tmp_path, json.dumps(log))
        assert [(turn.role, turn.name, turn.content) for turn in conversation.turns] == [
            ("user", None, "Write a haiku."),
            ("assistant", "writer", "[tool call find({})]"),
            ("tool", None, "none"),
            ("assistant", "writer", "Rain on the tin roof"),
            ("assistant", "critic", "Too short."),
        ]
        assert problems[0].reason == "left out: 1 chunk of answers that follow whole"
