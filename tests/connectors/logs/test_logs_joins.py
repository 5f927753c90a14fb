"""Batches: requests joined with their results."""

import json
import zipfile
from pathlib import Path

import pytest

from convexplain.analysis.sources import LogSource, find_logs
from convexplain.connectors.logs import read_log
from convexplain.workspace.logs import LogSettings

from .reading import read, write
from .test_logs_calls import shown

HI = [{"role": "user", "content": "Hi"}]
TWO = ["u Hi", "a Hello"]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def asked(key, text="Hi", **more):
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}


def answered(key, *texts, **more):
    choices = [{"index": place, "message": {"role": "assistant", "content": text}} for place, text in enumerate(texts)]
    return {"custom_id": key, "response": {"status_code": 200, "body": {"choices": choices}}, "error": None, **more}


def claude(key, kind="succeeded", **more):
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]}
    return {"custom_id": key, "result": {"type": kind, **({"message": message} if kind == "succeeded" else more)}}


def gemini(role, text):
    return {"role": role, "parts": [{"text": text}]}


RESPONSE = {"candidates": [{"content": gemini("model", "Hello")}], "modelVersion": "g"}
REFUSED = {"custom_id": "c", "response": {"status_code": 400, "body": {"error": {"message": "bad"}}}, "error": None}
EXPIRED = {"custom_id": "d", "response": None, "error": {"code": "batch_expired", "message": "expired"}}
RESPONSES_BODY = {
    "object": "response",
    "error": None,
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}],
}

CASES = {
    "openai": (
        [asked("a"), asked("b", "Two?"), answered("b", "Yes"), answered("a", "Hello")],
        [("a", TWO), ("b", ["u Two?", "a Yes"])],
        [],
    ),
    "openai-results-first": ([answered("a", "Hello"), asked("a")], [("a", TWO)], []),
    "openai-responses": (
        [
            {"custom_id": "a", "url": "/v1/responses", "body": {"instructions": "Be kind.", "input": "Hi"}},
            {"custom_id": "a", "response": {"status_code": 200, "body": RESPONSES_BODY}, "error": None},
        ],
        [("a", ["s Be kind.", *TWO])],
        [],
    ),
    "openai-failures": (
        [asked("c"), asked("d"), asked("a"), REFUSED, EXPIRED, answered("a", "Hello")],
        [("a", TWO)],
        [("the request 'c' failed: bad", False), ("the request 'd' failed: expired", False)],
    ),
    "openai-answered-at-the-second-try": (
        [asked("c"), REFUSED, answered("c", "Hello")],
        [("c", TWO)],
        [("the request 'c' failed: bad", False)],
    ),
    "openai-requests-alone": (
        [asked("a"), asked("b")],
        [("a", ["u Hi"]), ("b", ["u Hi"])],
        [("2 requests have no answer in this log", True)],
    ),
    "openai-results-alone": (
        [answered("a", "Hello")],
        [("a", ["a Hello"])],
        [("1 answers are read without their requests, which are not in this log: read both files together", True)],
    ),
    "openai-two-batches-with-one-id": (
        [asked("a"), answered("a", "Hello"), asked("a", "Two?"), answered("a", "Yes")],
        [("a", TWO), ("a#2", ["u Two?", "a Yes"])],
        [("1 ids come several times: their requests and answers are joined in the order of the log", True)],
    ),
    "openai-ambiguous-ids": (
        [asked("a"), asked("a", "Two?"), answered("a", "Yes")],
        [("a", ["u Hi"]), ("a#2", ["u Two?"]), ("a#3", ["a Yes"])],
        [
            ("1 ids come several times, with more requests than answers or fewer: these are not joined", True),
            ("1 answers are read without their requests, which are not in this log: read both files together", True),
            ("2 requests have no answer in this log", True),
        ],
    ),
    "openai-two-batches-given-twice": (
        [asked("a"), asked("a", "Two?"), asked("a"), answered("a", "Hello"), answered("a", "Yes")],
        [("a", TWO), ("a#2", ["u Two?", "a Yes"])],
        [("1 ids come several times: their requests and answers are joined in the order of the log", True)],
    ),
    "openai-a-request-in-two-files": ([asked("a"), asked("a"), answered("a", "Hello")], [("a", TWO)], []),
    "openai-choices": (
        [asked("a"), answered("a", "Hello", "Hey")],
        [("a", TWO)],
        [("of 2 choices the first is read", True)],
    ),
    "openai-embeddings": (
        [
            {"custom_id": "a", "url": "/v1/embeddings", "body": {"input": "Hi"}},
            {"custom_id": "a", "response": {"body": {"object": "list", "data": [{"embedding": [0.1]}]}}, "error": None},
            asked("b"),
            answered("b", "Hello"),
        ],
        [("b", TWO)],
        [("the request 'a' has no answer", False)],
    ),
    "anthropic": (
        [{"custom_id": "x", "params": {"system": "Be kind.", "messages": HI}}, claude("x")],
        [("x", ["s Be kind.", *TWO])],
        [],
    ),
    "anthropic-failures": (
        [
            claude("x"),
            claude("y", "errored", error={"type": "invalid_request_error", "message": "too long"}),
            claude("z", "expired"),
        ],
        [("x", ["a Hello"])],
        [
            ("the request 'y' failed: too long", False),
            ("the request 'z' has no answer", False),
            ("1 answers are read without their requests, which are not in this log: read both files together", True),
        ],
    ),
    "vertex": (
        [{"status": "", "request": {"contents": [gemini("user", "Hi")]}, "response": RESPONSE}],
        [("log-1", TWO)],
        [],
    ),
    "vertex-failed": (
        [
            {"status": "Bad Request", "request": {"contents": [gemini("user", "Hi")]}, "response": {}},
            {"status": "", "request": {"contents": [gemini("user", "Hi")]}, "response": RESPONSE},
        ],
        [("log-2", TWO)],
        [("a request failed: Bad Request", False)],
    ),
    "gemini-keys": (
        [{"key": "k", "request": {"contents": [gemini("user", "Hi")]}}, {"key": "k", "response": RESPONSE}],
        [("k", TWO)],
        [],
    ),
    "bedrock": (
        [{"recordId": "r", "modelInput": {"inputText": "Hi"}, "modelOutput": {"results": [{"outputText": "Hello"}]}}],
        [("r", TWO)],
        [],
    ),
    "bedrock-halves": (
        [
            {"recordId": "r", "modelInput": {"messages": HI}},
            {
                "recordId": "r",
                "modelOutput": {"output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}},
            },
        ],
        [("r", TWO)],
        [],
    ),
    "bedrock-failed": (
        [
            {"recordId": "q", "modelInput": {}, "error": {"errorCode": 400, "errorMessage": "malformed"}},
            {"recordId": "r", "modelInput": {"messages": HI}, "modelOutput": {"generation": "Hello"}},
        ],
        [("r", TWO)],
        [("the request 'q' failed: malformed", False)],
    ),
    "gemini-contents": (
        [
            {
                "systemInstruction": {"role": "system", "parts": [{"text": "Be kind."}]},
                "contents": [gemini("user", "Hi"), gemini("model", "Hello")],
            }
        ],
        [("log-1", ["s Be kind.", *TWO])],
        [],
    ),
    "gemini-contents-with-candidates": (
        [{"contents": [gemini("user", "Hi")], "candidates": RESPONSE["candidates"]}],
        [("log-1", TWO)],
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_results_are_joined_with_their_requests(tmp_path, case):
    log, expected, remarks = CASES[case]
    conversations, problems = read(tmp_path, "\n".join(map(json.dumps, log)), "log.jsonl")
    assert shown(conversations) == expected
    assert [
        (problem.reason, problem.kept) for problem in problems if "was there before" not in problem.reason
    ] == remarks


def test_metadata_of_a_batch(tmp_path):
    result = answered("a", "Hello")
    result["response"]["body"]["model"] = "gpt-x"
    conversations, _ = read(tmp_path, "\n".join(map(json.dumps, [asked("a", tools=TOOLS), result])), "log.jsonl")
    assert conversations[0].metadata == {"tools": TOOLS, "model": "gpt-x"}


def test_two_files_are_read_together(tmp_path):
    write(tmp_path, json.dumps(asked("a")) + "\n" + json.dumps(asked("b", "Two?")), "requests.jsonl")
    write(tmp_path, json.dumps(answered("a", "Hello")) + "\n" + json.dumps(REFUSED), "results.jsonl")
    write(tmp_path, json.dumps({"messages": HI}), "other.jsonl")
    problems = []
    source = LogSource(LogSettings().reader(), find_logs([tmp_path]))
    conversations = list(source.read(None, problems.append))
    assert shown(conversations) == [("other-1", ["u Hi"]), ("a", TWO), ("b", ["u Two?"])]
    names = ["other.jsonl", "results.jsonl", "requests.jsonl"]
    assert [Path(conversation.source).name for conversation in conversations] == names
    assert [(Path(problem.path).name, problem.line, problem.reason) for problem in problems] == [
        ("results.jsonl", 2, "the request 'c' failed: bad"),
        ("requests.jsonl", None, "1 requests have no answer in this log"),
    ]


def test_files_of_an_archive_are_read_together(tmp_path):
    path = tmp_path / "batch.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("requests.jsonl", json.dumps(asked("a")))
        archive.writestr("results.jsonl", json.dumps(answered("a", "Hello")))
    problems = []
    assert shown(read_log(path, on_problem=problems.append)) == [("a", TWO)]
    assert problems == []


def test_personal_data_of_joined_files_is_replaced(tmp_path):
    write(tmp_path, json.dumps(asked("a", "I am a@example.com")), "requests.jsonl")
    write(tmp_path, json.dumps(answered("a", "Hello")), "results.jsonl")
    reader = LogSettings(redact=True).reader()
    (conversation,) = LogSource(reader, find_logs([tmp_path])).read(None, print)
    assert "a@example.com" not in conversation.turns[0].content
    assert sum(reader.replaced.values()) == 1
