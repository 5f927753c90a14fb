"""`convexplain logs import`, `--inspect` and `formats`, as people use them."""

import asyncio
import gzip
import json
import re

import pytest
from click.testing import CliRunner

from convexplain import Conversation, Turn
from convexplain.analysis.imports import import_logs
from convexplain.analysis.progress import Progress
from convexplain.analysis.sources import LogSource
from convexplain.cli.main import cli
from convexplain.cli.show.progress import ConsoleProgress
from convexplain.connectors.logs import LOG_FORMATS, read_log
from convexplain.errors import UsageError
from convexplain.store import ImportCounts, RunStore
from tests.cli.test_analyze import run
from tests.connectors.logs.reading import write

HI = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.fixture
def exports(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    lines = [json.dumps({"messages": HI}), "{broken", json.dumps({"messages": HI, "n": 2})]
    (folder / "a.jsonl").write_text("\n".join(lines))
    (folder / "b.txt.gz").write_bytes(
        gzip.compress(b"31.12.23, 10:00 - Anna: Hi\n31.12.23, 10:01 - Shop\x1b[2J: Hello\n")
    )
    return folder


def command(tmp_path, *args):
    # As in a terminal of 120 columns; the CLI's own errors come through as exceptions.
    return CliRunner(env={"CONVEXPLAIN_DB": str(tmp_path / "s.db"), "COLUMNS": "120"}).invoke(
        cli, [str(arg) for arg in args], catch_exceptions=True, standalone_mode=False
    )


def test_import_once_and_again(tmp_path, exports):
    first = command(tmp_path, "logs", "import", exports)
    assert first.return_value == 1  # a broken line, and a transcript whose roles cannot be told
    assert re.search(
        r"2 conversations with 4 turns \(2 user, 2 assistant\) in [\d.]+ s, [\d,]+ turns/s: 2 new", first.output
    )
    assert f"! {exports}/a.jsonl:2: malformed JSON" in first.output
    assert f"! {exports}/b.txt.gz:1: it is not known which of the speakers 'Anna', 'Shop" in first.output
    assert "2 records or files could not be read in full, 0 remarks" in first.output
    assert "\x1b" not in first.output
    again = command(tmp_path, "logs", "import", exports, "--assistant", "Shop\x1b[2J")
    assert "3 conversations with 6 turns (3 user, 3 assistant)" in again.output
    assert ": 1 new in" in again.output
    third = command(tmp_path, "logs", "import", exports, "--assistant", "Shop\x1b[2J")
    assert ": 0 new in" in third.output
    store = RunStore(str(tmp_path / "s.db"))
    assert [item.id for item in store.conversations()] == ["a-1", "a-3", "b-1"]
    assert store.runs() == []
    store.close()


@pytest.mark.slow
def test_imported_conversations_are_judged_without_a_run(stub, chats, tmp_path):
    code, out, _ = run("logs", "import", chats, cwd=tmp_path)
    assert code == 0
    assert "6 conversations with" in out
    code, out, _ = run("analyze", "--stored", "--judge", stub.url, cwd=tmp_path)
    assert code == 0
    assert "6 conversations, 12 assistant turns" in out
    assert len(stub.prompts) == 36


test_imported_conversations_are_judged_without_a_run = pytest.mark.loopback(
    test_imported_conversations_are_judged_without_a_run
)


def test_limit_and_nothing_at_all(tmp_path, exports):
    assert (
        "1 conversations with 2 turns" in command(tmp_path, "logs", "import", exports / "a.jsonl", "--limit", 1).output
    )
    (exports / "a.jsonl").write_text("Dear all,\n")
    found = command(tmp_path, "logs", "import", exports / "a.jsonl")
    assert found.return_value == 1
    assert "0 conversations" in found.output


def test_without_an_assistant_it_says_so(tmp_path):
    (tmp_path / "a.txt").write_text("=== 1 ===\nUser: Hi\n")
    assert "name the assistant with --assistant" in command(tmp_path, "logs", "import", tmp_path / "a.txt").output


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("--format", "xml"), "log format 'xml' is not known; valid are: abcd,"),
        (("--map", "a=b"), "map 'a=b' is not valid"),
        (("--columns", "role=a,content=b", "--format", "plain"), "a map of fields takes the place of a format"),
    ],
)
@pytest.mark.parametrize("name", [("logs", "import"), ("analyze",)], ids=" ".join)
def test_options_are_checked_before_anything_is_read(tmp_path, exports, name, args, reason):
    error = command(tmp_path, *name, exports, *args).exception
    assert isinstance(error, UsageError)
    assert reason in str(error)
    assert not (tmp_path / "s.db").exists()


def test_inspect_shows_and_keeps_nothing(tmp_path, exports):
    found = command(tmp_path, "logs", "inspect", exports)
    assert found.return_value == 1
    assert not (tmp_path / "s.db").exists()
    text = " ".join(found.output.split())
    assert "a.jsonl format openai (2) encoding utf-8 read" in text
    assert "read 2 conversations with 4 turns, from all of it" in text
    assert "│ assistant │ assistant │ 2 │" in text
    assert "first conversation: a-1 user: Hi assistant: Hello" in text
    assert "b.txt.gz format plain encoding utf-8 container gzip read" in text
    # Who speaks, although the roles cannot be told, and nothing that moves the cursor.
    assert "│ Anna │ ? │ 1 │" in text
    assert "│ Shop\ufffd[2J │ ? │ 1 │" in text
    assert "\x1b" not in found.output


def test_inspect_reads_the_first_part_only(tmp_path):
    (tmp_path / "a.jsonl").write_text((json.dumps({"messages": HI}) + "\n") * 250)
    assert (
        "100 conversations with 200 turns, from its first part"
        in command(tmp_path, "logs", "inspect", tmp_path / "a.jsonl").output
    )
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    assert "it is not known which columns" in command(tmp_path, "logs", "inspect", tmp_path / "b.csv").output


def test_formats(tmp_path):
    listed = command(tmp_path, "logs", "formats").output
    for form in LOG_FORMATS.records:
        assert f"{form.name}  " in listed
    one = command(tmp_path, "logs", "formats", "csv").output
    assert "    1,2,assistant,Hello\n" in one
    assert "sharegpt" not in one
    rows = json.loads(command(tmp_path, "logs", "formats", "--json").output)
    assert [row["name"] for row in rows] == [form.name for form in LOG_FORMATS.records]
    assert set(rows[0]) == {"name", "description", "example"}
    with pytest.raises(UsageError, match="log format 'xml' is not known; valid are: abcd"):
        raise command(tmp_path, "logs", "formats", "xml").exception


class Told(Progress):
    def __init__(self):
        self.batches, self.problems = [], []

    def doing(self, item):
        self.batches.append(item)

    def problem(self, problem):
        self.problems.append(problem)


def test_conversations_may_be_changed_before_they_are_kept(tmp_path, exports):
    store, told = RunStore(str(tmp_path / "s.db")), Told()
    source = LogSource(read_log, (exports / "a.jsonl", exports / "gone.jsonl"))

    def change(conversation):
        return Conversation(conversation.id, tuple(Turn(turn.role, "…") for turn in conversation.turns), "s")

    done = asyncio.run(import_logs(source, store, told, change))
    assert [turn.content for item in store.conversations() for turn in item.turns] == ["…"] * 4
    assert (done.counts, done.left_out, done.remarks, done.roles) == (
        ImportCounts(2, 4, 2),
        2,
        0,
        {"user": 2, "assistant": 2},
    )
    (line,) = told.batches
    assert line.startswith("2 conversations, 4 turns, 2 new, ")
    assert [problem.line for problem in told.problems] == [2, None]
    store.close()


def test_very_many_problems_are_counted(capsys):
    from rich.console import Console

    from convexplain.errors import Problem

    shown = ConsoleProgress(Console(stderr=True))
    shown.begin("reading")
    for number in range(203):
        shown.problem(Problem("a", number, "x\n\x1b[2J"))
    shown.end()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 201
    assert lines[0] == "! a:0: x \ufffd[2J"
    assert lines[-1] == "! and 3 more problems"


def test_personal_data_reaches_neither_store_nor_screen(tmp_path):
    turns = [
        {"role": "user", "content": "I am Ann, ann@mail.example, +49 30 1234567."},
        {"role": "assistant", "content": "Thank you, Ann."},
    ]
    (tmp_path / "log.jsonl").write_text(json.dumps({"id": "c", "messages": turns}))
    (tmp_path / "names.txt").write_text("Ann\n")
    result = command(
        tmp_path, "logs", "import", tmp_path / "log.jsonl", "--redact", "--redact-names", tmp_path / "names.txt"
    )
    assert "Replaced: 2 x name, 1 x e-mail, 1 x phone." in result.output
    (kept,) = RunStore(str(tmp_path / "s.db")).conversations()
    assert [turn.content for turn in kept.turns] == ["I am [name 1], [e-mail 1], [phone 1].", "Thank you, [name 1]."]


def test_inspected_is_what_would_be_kept(tmp_path):
    (tmp_path / "log.jsonl").write_text(json.dumps({"id": "a@b.example", "messages": [*HI, {**HI[0], "name": "Ann"}]}))
    (tmp_path / "names.txt").write_text("Ann\nHello\n")
    told = command(tmp_path, "logs", "inspect", tmp_path / "log.jsonl", "--redact-names", tmp_path / "names.txt")
    assert "first conversation: [e-mail 1]" in told.output
    assert "assistant: [name 1]" in told.output
    assert "user ([name 2]): Hi" in told.output


def test_each_log_keeps_its_conversations_apart(tmp_path):
    """Ids that are personal data: what they become may be the same, what they are of may not."""
    for log in ("a.jsonl", "b.jsonl"):
        rows = [json.dumps({"id": f"{who}@b.example", "messages": HI}) for who in ("ann", "ben")]
        (tmp_path / log).write_text("\n".join(rows))
    result = command(tmp_path, "logs", "import", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--redact")
    assert "4 conversations with 8 turns" in result.output
    assert ": 4 new in" in result.output
    kept = RunStore(str(tmp_path / "s.db")).conversations()
    assert [talk.id for talk in kept] == ["[e-mail 1]", "[e-mail 1]#2"] * 2


def test_names_that_cannot_be_read(tmp_path):
    (tmp_path / "log.jsonl").write_text(json.dumps({"messages": HI}))
    (tmp_path / "names.txt").write_bytes(b"M\xfcller\n")
    result = command(tmp_path, "logs", "import", tmp_path / "log.jsonl", "--redact-names", tmp_path / "names.txt")
    assert isinstance(result.exception, UsageError)
    assert "names.txt" in str(result.exception)


@pytest.mark.slow
@pytest.mark.loopback
def test_what_is_judged_with_and_without_redaction_are_two_runs(stub, tmp_path):
    turns = [
        {"role": "user", "content": "I am Ann, ann@mail.example."},
        {"role": "assistant", "content": "Hello, Ann."},
    ]
    (tmp_path / "log.jsonl").write_text(json.dumps({"messages": turns}))
    (tmp_path / "names.txt").write_text("Ann\n")
    analyze = ["analyze", "log.jsonl", "--judge", stub.url]
    cases = [
        ([], ""),
        (["--redact"], "Replaced: 1 x e-mail."),
        (["--redact-names", "names.txt"], "Replaced: 2 x name, 1 x e-mail."),
        (["--redact"], "Replaced: 1 x e-mail."),
    ]
    for number, (options, told) in enumerate(cases, 1):
        code, out, err = run(*analyze, *options, cwd=tmp_path)
        assert code == 0
        assert f"Run {number}:" in out
        assert "".join(line for line in err.splitlines() if "Replaced" in line) == told
    asked = [prompt for prompt in stub.prompts if "Hello, [name 1]." in prompt]
    assert len(asked) == 3  # of three maxims
    assert not any("ann@mail" in prompt for prompt in stub.prompts[3:])


def test_stored_conversations_are_not_redacted_and_that_is_said(tmp_path):
    result = command(tmp_path, "analyze", "--stored", "--redact")
    assert isinstance(result.exception, UsageError)
    assert "redact is for log files" in str(result.exception)


CALL = [{"who": "client", "said": "Where is my parcel?"}, {"who": "desk", "said": "It is on its way to you."}]


def test_a_proposed_map_is_shown_and_saved(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "s.db"))
    log = write(tmp_path, json.dumps({"call": 1, "log": CALL}), "calls.json")
    shown = command(tmp_path, "logs", "inspect", log, "--save-map", "calls")
    assert shown.return_value == 0
    assert "map        --map 'turns=log, role=who, content=said, id=call'" in shown.output
    assert "roles      1 user, 1 assistant" in shown.output
    assert "It is on its way to you." in shown.output
    assert "saved: use it with --map calls" in shown.output
    again = command(tmp_path, "logs", "import", log, "--map", "calls")
    assert (again.return_value, "1 conversations with 2 turns (1 user, 1 assistant)" in again.output) == (0, True)


def test_a_doubtful_map_is_shown_with_what_to_decide(tmp_path):
    table = (
        "no,by,words\n1,Ann,Where is my parcel?\n1,Mia,It is on its way.\n2,Bo,Can I pay later?\n2,Mia,Yes of course.\n"
    )
    shown = command(tmp_path, "logs", "inspect", write(tmp_path, table, "t.csv"))
    assert shown.return_value == 1
    assert "map        --map 'role=by, content=words, id=no'" in shown.output
    assert "to decide  it is not known which of the speakers 'Ann', 'Mia', 'Bo' is the assistant" in shown.output
    refused = command(tmp_path, "logs", "inspect", write(tmp_path, "a,b\n1,2\n", "u.csv"), "--save-map", "x").exception
    assert "save-map: there are 0 maps to save" in str(refused)


def test_inspect_joins_requests_and_results_of_several_files(tmp_path):
    request = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": HI[:1]}}
    answer = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
    result = {"id": "r", "custom_id": "a", "response": {"status_code": 200, "body": answer}, "error": None}
    requests, results = (
        write(tmp_path, json.dumps(record) + "\n", name)
        for name, record in (("in.jsonl", request), ("out.jsonl", result))
    )
    inspected = command(tmp_path, "logs", "inspect", requests, results)
    assert inspected.return_value == 0
    first, second = inspected.output.split(str(results))
    assert "0 conversations with 0 turns" in first
    assert "its records are in conversations of the other logs, with their answers" in first
    assert "1 conversations with 2 turns" in second
    assert "joined     1 of them with the requests in other logs" in second
    assert "roles      1 user, 1 assistant" in second
    assert "assistant: Hello" in second
    alone = command(tmp_path, "logs", "inspect", results)
    assert "1 conversations with 1 turns" in alone.output
