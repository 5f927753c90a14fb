"""Hostile logs: valid examples of every format and container, mutated, and what must hold of reading them.

`test_logs_fuzz.py` tries some, `benchmarks/fuzz_readers.py` tries them for minutes.
"""

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile
from functools import cache
from itertools import count

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from hypothesis import strategies as st

from convexplain.connectors.logs import LOG_FORMATS
from convexplain.connectors.logs.engine.field_shapes import ID_NAMES, TIME_NAMES, name_words
from convexplain.errors import LogError, Problem, UsageError
from convexplain.store.serialization import conversation_body
from convexplain.types import ROLES, sha256_json

from .balance import SENTENCE, counted, in_place, read_with_asides

HI = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
TEXTS = [form.example.encode() for form in LOG_FORMATS.records] + [
    b'{"chats": {"list": [{"name": "B", "type": "bot_chat", "id": 7, "messages": [{"type": "message", '
    b'"date": "2024-05-01", "from": "B", "text": [{"type": "link", "text": "a"}, "b"], "photo": "x", '
    b'"poll": {"question": "q"}}]}]}}',
    b'{"envelope": {"source": "+1", "sourceName": "Anna", "timestamp": 1714557600000, "syncMessage": {"sentMessage": '
    b'{"message": "Hi", "destination": "+2", "attachments": [{"contentType": "a/b"}], '
    b'"groupInfo": {"groupId": "g"}}}}}',
    b'[{"type": "message", "user": "U1", "text": "<@U1> <http://a|b>", "ts": "1714557600.000100", "thread_ts": '
    b'"1714557600.000100", "files": [{"name": "a"}], "attachments": [{"title": "t", "fields": [{"title": "a"}]}], '
    b'"blocks": [{"type": "section", "text": {"text": "x"}, "elements": [{"text": "y"}]}], '
    b'"reactions": [{"name": "x", "count": 1}]}]',
    "\u200e[31.12.23, 23:59:01] Anna: \u200eimage omitted\r\n[1/1/24, 0:01 p. m.] Bot: Hello\n31.12.23 x\n".encode(),
    b'{"call": 7, "log": [{"who": "client", "words": "Hi there, you"}, {"who": "bot", "words": "Hello to you"}]}',
    b'{"Items": [{"log": {"L": [{"M": {"who": {"S": "user"}, "text": {"S": "Hi"}}}, {"M": {"who": {"S": "bot"}, '
    b'"text": {"S": "Hello"}}}]}}]}',
    b'{"question": "Hi", "answer": "Hello", "session_id": 1}\n{"question": "Well?", "answer": "Yes", "session_id": 1}',
    b"Ticket;Wer;Gesagt\n1;Kunde;Wo ist es?\n1;Mitarbeiter;Hier ist es.\n",
    b'{"id": 1, "text": "User: Hi\\nBot: Hello"}',
    b"User (10:31): Hi\nAgent [2024-05-01 10:32]: Hello\n# Conversation 2\n**User:** x\n",
    b'{"messages": [{"role": "assistant", "content": [{"type": "image_url"}, {"text": {"value": "a"}}], "tool_calls": '
    b'[{"function": {"name": "f", "arguments": {}}}], "timestamp": 1714557600}], "system": "s", "id": 1}\n' * 2,
    b'{"id": "b", "run_type": "chain", "trace_id": "a", "parent_run_id": "a", "inputs": {"messages": [[{"lc": 1, '
    b'"type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": [{"type": "text", "text": "Hi"}]}}]], '
    b'"chat_history": [["ai", "Hello"]]}, "outputs": "{\\"choices\\": [{\\"message\\": {\\"role\\": \\"assistant\\", '
    b'\\"content\\": \\"Hello\\"}}]}", "start_time": "2024-05-01", "extra": {"metadata": {"thread_id": 7}}}',
    b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "a", "spanId": "b", "parentSpanId": "b", '
    b'"startTimeUnixNano": "1714557600000000000", "attributes": [{"key": "llm.input_messages.0.message.contents.0.'
    b'message_content.text", "value": {"stringValue": "Hi"}}, {"key": "gen_ai.output.messages", "value": '
    b'{"arrayValue": {"values": [{"kvlistValue": {"values": [{"key": "role", '
    b'"value": {"stringValue": "model"}}]}}]}}}], '
    b'"events": [{"name": "gen_ai.choice", "attributes": [{"key": "message", "value": {"stringValue": "{}"}}]}]}]}]}]}',
    b'{"id": "t", "sessionId": "s", "timestamp": "2024-05-01", "input": {"system": "s", "contents": [{"role": "user", '
    b'"parts": [{"functionCall": {"name": "f", "args": {}}}, {"inlineData": {"mimeType": "image/png"}}]}]}, '
    b'"output": null, "observations": [{"id": "o", "type": "GENERATION", "parentObservationId": "o", "output": '
    b'[{"type": "reasoning", '
    b'"summary": []}, {"type": "function_call", "call_id": "1", "name": "f"}]}]}',
    b'{"id": 1, "mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": [{"content_type": '
    b'"image_asset_pointer"}]}, "metadata": {"attachments": [{"name": "a"}]}}, "children": ["b", "a"]}, "b": '
    b'{"parent": "a", "message": {"recipient": "f", "author": {"role": "assistant", "name": "x"}, "create_time": '
    b"1714557600, "
    b'"content": {"content_type": "code", "text": "x"}}}}, "current_node": "b"}',
    b'{"type": "assistant", "sessionId": "s", "uuid": "b", "isSidechain": true, "message": {"id": "m", "role": '
    b'"assistant", "content": [{"type": "thinking"}, {"type": "tool_use", "name": "f", "input": {}}, {"type": '
    b'"tool_result", "content": [{"type": "text", "text": "x"}]}]}}\n' * 2,
    b'{"eval": {"model": "m"}, "version": 2, "status": "success", "samples": [{"id": "q", "epoch": 1, "messages": '
    b'[{"role": "user", "content": "attachment://h"}], "attachments": {"h": "Hi"}, "scores": {"m": {"value": "C"}}}]}',
    b"id;messages\r\nx;\"[{'role': 'user', 'content': 'Hi'}]\"\r\n",
    b'{"source": {"body": "<p>Hi<a href=x>", "subject": "<b>", "author": {"type": "user"}}, "id": 1, '
    b'"conversation_parts": '
    b'{"total_count": 3, "conversation_parts": [{"part_type": "note", "body": "n"}, {"part_type": "comment", "body": '
    b'"<ul><li>x", "author": {"type": "bot", "id": 1}, "attachments": [{"name": "a", "content_type": "image/png"}]}]}}',
    b'{"tickets": [{"id": 1, "requester_id": 7, "description": "d", "comments": [{"author_id": 7, "public": true, '
    b'"html_body": "<pre>a", "attachments": [{"file_name": "a", "inline": true}]}]}], "users": [{"id": 7, "role": '
    b'"agent"}]}',
    b'{"sender_id": "s", "events": [{"event": "session_started"}, {"event": "user", "text": "Hi", "parse_data": '
    b'{"intent": '
    b'{"name": "x"}}}, {"event": "bot", "data": {"attachment": {"type": "a", "payload": {"name": "b"}}, "elements": '
    b'[{"title": "t"}], "buttons": [{"title": "b"}]}}, {"event": "restart"}, {"event": "user", "text": "Hi"}]}',
    b'{"type": "message", "channelId": "x", "conversation": {"id": "c"}, "from": {"id": "u"}, "recipient": '
    b'{"role": "bot", '
    b'"id": "b"}, "attachments": [{"contentType": "application/vnd.microsoft.card.x", "content": {"body": '
    b'[{"text": "t"}]}}], '
    b'"suggestedActions": {"actions": [{"title": "t"}]}}',
    b'{"conversationId": "c", "direction": "outgoing", "payload": {"type": "bloc", "items": [{"type": "card", '
    b'"payload": '
    b'{"title": "t", "actions": [{"label": "a"}], "options": [{"value": "v"}]}}]}}',
    b'{"speakers_to_eval": ["m", "n"], "dialogue_ids": [1], "dialogue_dicts": [{"dialogue": [{"id": "context", '
    b'"text": "c"}, '
    b'{"id": "m", "text": "x", "image_src": "y"}]}]}',
    b"users=Anna,Ben\nbot=Shop\nconversationid=7\nAnna->bot: Hi\n[ConversationUpdate=\n x]\nshop: [Typing] "
    b"[HeroCard=\nTitle=a\n]\n",
    b"USER\tHi\ta\t1,2,x\nSYSTEM\tHello\t\t\nUSER\tOVERALL\t\t3\tb\n\nSYSTEM\tHi\n",
]


def zipped(**members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


@cache
def containers():
    """Valid files that are no text."""
    table = pa.table({"messages": [HI], "n": [1]})
    parquet, arrow, tar, sheet = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    with pa.ipc.new_stream(arrow, table.schema) as out:
        out.write_table(table)
    text = json.dumps({"messages": HI}).encode()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name in ("a.jsonl", "b/c.txt", "../d.json"):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    book = openpyxl.Workbook()
    for row in (["session", "role", "text"], [1, "user", "Hi"], [1, "bot", "Hello"]):
        book.active.append(row)
    book.save(sheet)
    packed = [pack(text) for pack in (gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress)]
    slack = {"users.json": b'[{"id": "U1", "name": "Anna"}]', "c/2024-05-01.json": TEXTS[len(LOG_FORMATS.records) + 2]}
    many = {f"{number}.txt": data for number, data in enumerate(TEXTS)}
    made = [parquet, arrow, tar, sheet]
    return [
        *(item.getvalue() for item in made),
        *packed,
        gzip.compress(tar.getvalue()),
        zipped(**slack),
        zipped(**many),
    ]


_KEYS = (
    "messages conversations role from content value text type id system tool_calls name data parts prompt chosen "
    "timestamp ts user bot_id subtype thread_ts files attachments blocks fields title sender body date chats list "
    "envelope dataMessage message groupInfo inputs outputs input output run_type attributes spans traceId spanId "
    "observations uuid sessionId parentUuid current_node content_type epoch samples kwargs lc request response vars "
    "author mapping parent children speaker turns dialogue events "
    "replies message_id parent_id choices history dialog dialogue_dicts log original annotations breakdown sender_id "
    "event conversation recipient direction payload conversation_name turn_position source conversation_parts body "
    "comments author_id requester_id public users html_body"
)
KEYS = _KEYS.split()
MARK = "<sentence>"
"""Stands for a planted sentence, of which each log has others."""
VALUES = st.sampled_from(
    ["user", "assistant", "Anna", "message", "2024-05-01", "1714557600.000100", "", "\ud800", "x" * 300, MARK, MARK]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(["a.txt", "a.jsonl", "a.json", "a.csv", "a.zip", "a.gz", "a", "users.json"])
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "format": st.sampled_from([form.name for form in LOG_FORMATS.records]),
        "assistant": st.sampled_from([["Anna"], ["bot", "Me"]]),
    },
)


@st.composite
def mutated_json(draw):
    """An example of JSON in which some values are others, missing or there twice."""
    examples = [data for data in TEXTS if data.lstrip()[:2] in (b'{"', b"[{", b"[[", b'["')]
    text = draw(st.sampled_from(examples)).decode()
    records = [json.loads(line) for line in text.splitlines()] if "\n{" in text else [json.loads(text)]
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.integers(0, len(records) - 1))
        records[index] = change(draw, records[index])
    if draw(st.booleans()):
        records += [draw(JSON)]
    sentences = count()
    records = [with_sentences(record, sentences) for record in records]
    ascii_only = draw(st.booleans())
    lines = [json.dumps(record, ensure_ascii=ascii_only) for record in records]
    joined = draw(st.sampled_from(["\n", "\r\n", ",\n", ""])).join(lines)
    made = f"[{', '.join(lines)}]" if draw(st.booleans()) else joined
    return made.encode("utf-8", "surrogatepass")


def with_sentences(value, numbers):
    """A JSON value with a sentence of its own for each mark."""
    if isinstance(value, list):
        return [with_sentences(item, numbers) for item in value]
    if isinstance(value, dict):
        texts = {key: "Anna" if item == MARK and is_stamp(key) else item for key, item in value.items()}
        return {key: with_sentences(item, numbers) for key, item in texts.items()}
    return SENTENCE.format(next(numbers)) if value == MARK else value


def is_stamp(key):
    """Whether a key is the name of an id or a time, which is no text."""
    return bool(set(name_words(key)[-1:]) & (ID_NAMES | TIME_NAMES))


def change(draw, value):
    """A JSON value with one change somewhere in it."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)) < 9:
        key = draw(st.sampled_from(sorted(value)))
        how = draw(st.integers(0, 9))
        if how == 0:
            return {name: item for name, item in value.items() if name != key}
        if how == 1:
            return {**value, draw(st.sampled_from(KEYS)): draw(JSON)}
        return {**value, key: change(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 9)) < 9:
        index = draw(st.integers(0, len(value) - 1))
        how = draw(st.integers(0, 9))
        if how == 0:
            return value[:index] + value[index + 1 :]
        if how == 1:
            return value + value[index:]
        return [*value[:index], change(draw, value[index]), *value[index + 1 :]]
    return draw(JSON)


@st.composite
def mutated_bytes(draw):
    """An example, or a container, that is cut, damaged or spliced with another."""
    sources = TEXTS + containers()
    data = bytearray(draw(st.sampled_from(sources)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        to = min(len(data), at + draw(st.integers(0, 40)))
        how = draw(st.integers(0, 4))
        if how == 0:
            data[at:to] = b""
        elif how == 1:
            data[at:to] = draw(st.binary(max_size=8))
        elif how == 2:
            data[at:at] = data[at:to]
        elif how == 3:
            del data[at:]
        else:
            data[at:to] = draw(st.sampled_from(sources))[:400]
    return bytes(data)


@st.composite
def contained(draw):
    """A mutated text in a sound container."""
    data = draw(mutated_json() | mutated_bytes())
    name = draw(st.sampled_from(["a.json", "b/c.csv", "x/2024-05-01.json", "users.json", "samples/a.json", "../a.txt"]))
    pack = draw(st.integers(0, 3))
    if pack == 0:
        return zipped(**{name: data, "header.json": b"{}"})
    return (gzip.compress, bz2.compress, zstandard.ZstdCompressor().compress)[pack - 1](data)


LOGS = (
    mutated_json()
    | mutated_bytes()
    | contained()
    | st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
)


def check(folder, data, name, options):
    """Reading ends in conversations or in an error that says of which file; what comes can be kept and written."""
    path = folder / name
    path.write_bytes(data)
    try:
        found, problems, asides = read_with_asides(path, **options)
    except LogError as error:
        assert error.path.startswith(str(path)), error.path  # noqa: PT017 - either outcome is right
        return
    except UsageError as error:  # a map of the fields is the caller's to give
        assert str(error).startswith("map: "), error  # noqa: PT017 - either outcome is right
        return
    for problem in problems:
        assert type(problem) is Problem
        assert str(problem).startswith(str(path))
        assert problem.reason.strip()
    ids = [(item.source, item.id) for item in found]
    assert len(set(ids)) == len(ids)
    for item in found:
        assert item.source.startswith(str(path))
        assert item.id.strip()
        item.id.encode()
        assert any(turn.content.strip() for turn in item.turns)
        assert all(turn.role in ROLES and isinstance(turn.content, str) for turn in item.turns)
        assert all(turn.name is None or (isinstance(turn.name, str) and turn.name.strip()) for turn in item.turns)
        json.dumps([item.metadata, [turn.metadata for turn in item.turns]], allow_nan=False)
        sha256_json(conversation_body(item))
    check_balance(data, found, problems, asides)


def check_balance(data, found, problems, asides):
    """Each planted sentence is in a turn, kept, put aside, or counted; one in what cannot be read goes with it."""
    reasons = [problem.reason for problem in problems if not problem.kept and " in no turn" not in problem.reason]
    if reasons or any("is no log" in problem.reason for problem in problems):
        return
    sentences = set(re.findall(r"Planted sentence number \d+ stands here\.", data.decode("utf-8", "replace")))
    lost = sentences - in_place(found, asides)
    characters, answers = counted(problems)
    assert characters + answers * len(SENTENCE) >= sum(map(len, lost)), (sorted(lost), problems)
