"""Logs with a text that no reader takes, each in another place: what reading them says.

`test_planted_losses.py` holds every one to its message, `benchmarks/planted_losses.py` prints them as a table.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.connectors.logs import LOG_FORMATS

LOST = "Take the number four bus."  # 25 characters


@dataclass(frozen=True)
class PlantedLoss:
    """A log with a planted text: its format, the place, the log's content, and the message of reading it."""

    format: str
    place: str
    content: bytes
    message: str
    is_answer: bool = True
    name: str = "a.json"


def example(name, *keys, record=0, key="note", text=LOST):
    """The example of a format with a text under a key of the object to which keys lead."""
    content = LOG_FORMATS.get(name).example
    try:
        records = [json.loads(content)]
    except ValueError:
        records = [json.loads(line) for line in content.splitlines()]
    value = records[record]
    for step in keys:
        value = value[step]
    value[key] = text
    return "\n".join(map(json.dumps, records)).encode()


def answer(name: str, keys: Sequence[str | int], key: str, place: str | None = None, **options) -> PlantedLoss:
    place = place or ".".join([*map(str, keys), key])
    return PlantedLoss(name, place, example(name, *keys, key=key, **options), f"1 text under {place!r} is in no turn")


def prose(name: str, keys: Sequence[str | int], key: str, place: str, **options) -> PlantedLoss:
    message = f"1 text of 25 characters is in no turn and no metadata: {place!r} (25)"
    return PlantedLoss(name, place, example(name, *keys, key=key, **options), message, is_answer=False)


def line(name: str, place: str, content: str, file: str) -> PlantedLoss:
    return PlantedLoss(
        name, place, content.encode(), "1 line of 25 characters is in no turn", is_answer=False, name=file
    )


def slack_export() -> bytes:
    messages = json.loads(LOG_FORMATS.get("slack").example)
    messages[1]["note"] = LOST
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("users.json", "[]")
        archive.writestr("channels.json", "[]")
        archive.writestr("shop/2024-05-01.json", json.dumps(messages))
    return content.getvalue()


POLL = {"question": "Which bus?", "answers": [LOST]}
DEEP = {"steps": [{"said": LOST}], "more": ["x" * 3000]}
PLANTED = [
    answer("openai", [], "discarded_answer"),
    answer("openai", ["messages", 1], "replies", "messages[*].replies", text=[{"text": LOST}]),
    prose("openai", [], "trail", "trail.steps[*].said", text=DEEP),
    answer("sharegpt", [], "siblings", text=[{"conversations": [{"from": "gpt", "value": LOST}]}]),
    answer("hf", [], "response"),
    answer("hh", [], "answers", text=[LOST]),
    answer("chatgpt", ["mapping", "b", "message"], "siblings", text=[LOST]),
    answer("claude", ["chat_messages", 1], "alternatives", "chat_messages[*].alternatives", text=[{"text": LOST}]),
    answer("oasst", ["prompt"], "alternatives", text=[LOST]),
    answer("openai-batch", [], "answer"),
    answer("openai-responses", [], "drafts", text=[LOST]),
    answer("gemini-contents", [], "drafts", text=[{"parts": [{"text": LOST}]}]),
    prose("langsmith", ["outputs"], "sources", "outputs.sources"),
    prose("otel", ["attributes"], "caller.remark", 'attributes."caller.remark"'),
    prose("palm", ["predictions", 0], "remark", "predictions[*].remark"),
    answer(
        "intercom",
        ["conversation_parts", "conversation_parts", 0],
        "draft_reply",
        "conversation_parts.conversation_parts[*…",
        text=[LOST],
    ),
    prose("text-generation-webui", [], "visible", "visible[*][]", text=[["Hi", LOST]]),
    PlantedLoss(
        "slack",
        "a message of an export",
        slack_export(),
        "1 text of 25 characters is in no turn and no metadata: 'note' (25)",
        is_answer=False,
        name="a.zip",
    ),
    answer("telegram", ["messages", 1], "poll", "messages[*].poll.answers", text=POLL),
    line(
        "webvtt",
        "a line above a time",
        f"WEBVTT\n\n{LOST}\n00:01.000 --> 00:02.000\n<v User>Hi</v>\n\n00:03.000 --> 00:04.000\n<v Bot>Hello</v>\n",
        "a.vtt",
    ),
    line(
        "chat-template",
        "a line between two turns",
        f"<|im_start|>user\nHi<|im_end|>\n{LOST}\n<|im_start|>assistant\nHello<|im_end|>\n",
        "a.txt",
    ),
    line(
        "plain",
        "a line below one of the program",
        f"[31.12.23, 23:59:00] Ann joined\n{LOST}\n[31.12.23, 23:59:01] User: Hi\n[31.12.23, 23:59:02] Bot: Hello\n",
        "a.txt",
    ),
]
