"""Bad input to every command: one clear sentence, the exit code that is documented, and nothing lost."""

import json
import re
import signal
import sys

import openpyxl
import pytest

from convexplain.store import RunStore
from tests.conftest import ROOT

from .test_contrast import World, depot, keep, talk

CONTROL = "\x1b[2J"
HUGE = "9" * 40
STOPPED = "Stopped. The same command goes on where it stopped."


@pytest.fixture
def world(monkeypatch, capsys, tmp_path):
    """A store with one run, a log, its labels and a prompt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's ignores Ctrl-C
    made = World(monkeypatch, capsys, tmp_path)
    keep(tmp_path, {(talk("chat"), 3): 0.2})
    messages = [{"role": turn.role, "content": turn.content} for turn in talk("chat").turns]
    (tmp_path / "chats.jsonl").write_text(json.dumps({"id": "chat", "messages": messages}) + "\n")
    (tmp_path / "labels.csv").write_text("conversation,turn,score\nchat,1,1\nchat,3,0\n")
    (tmp_path / "prompt.txt").write_text("Why is the sky blue?")
    (tmp_path / "file").write_text("")
    yield made
    signal.signal(signal.SIGINT, before)


ANALYZE = ["analyze", "chats.jsonl", "--judge", "judge", "--rubric", "helpfulness"]
LABELLED = ["chats.jsonl", "--labels", "labels.csv", "--rubric", "helpfulness"]
VALIDATE = ["judges", "validate", *LABELLED]
CALIBRATE = ["judges", "calibrate", *LABELLED, "--judge", "judge"]
NOISE = ["judges", "noise", "chats.jsonl", "--judge", "judge"]
PROMPT = ["contrast", "--prompt", "prompt.txt", "--score", "contradiction", "--responder", "bot"]
EXPORT = ["export", "--format", "trl-dpo"]

OF_A_RUN = [
    ["analyze", "--judge", "judge", "--stored"],
    ["explain"],
    ["attribute"],
    ["contrast"],
    ["report"],
    EXPORT,
    ["runs", "show"],
    ["runs", "compare", "1"],
    ["runs", "delete", "--yes"],
    ["judges", "validate", "--run"],
]


def refused(world, command, code, sentence):
    """Check that a command ends with that sentence, that no model was asked, and that the terminal is safe."""
    given, out, err = world.run(*command)
    assert (given, sentence in " ".join(err.split())) == (code, True), (given, err)
    assert CONTROL not in out + err
    assert world.asked == 0


@pytest.mark.parametrize("command", OF_A_RUN, ids=" ".join)
@pytest.mark.parametrize(
    ("run", "code", "sentence"),
    [
        ("99", 1, "store.db: there is no run 99; `convexplain runs list` lists them"),
        ("nobody", 1, "store.db: there is no run 'nobody'; `convexplain runs list` lists them"),
        (CONTROL, 1, r"there is no run '\x1b[2J'"),
        (HUGE, 2, f"{HUGE} is not the number of a run"),
    ],
    ids=["number", "name", "control", "huge"],
)
def test_a_run_that_does_not_exist_is_named(world, command, run, code, sentence):
    refused(world, [*command, run], code, sentence)


def test_a_run_that_does_not_exist_gets_no_name(world):
    refused(world, ["runs", "name", "99", "x"], 1, "there is no run 99")


EXCLUDED = [
    (["analyze", "chats.jsonl", "--stored"], "name either log files or stored conversations, and one of them"),
    (["analyze", "--stored", "1", "--format", "csv"], "format, map and assistant are for log files"),
    (["analyze", "--stored", "1", "--assistant", "x"], "format, map and assistant are for log files"),
    (["analyze", "--stored", "1", "--redact"], "redact is for log files"),
    ([*ANALYZE, "--fail-under", "helpfulness=1", "--fail-under", "helpfulness=0"], "helpfulness is named twice"),
    ([*ANALYZE, "--ray-workers", "2"], "--ray-workers means nothing without --ray"),
    ([*ANALYZE, "--ray-folder", "shards"], "--ray-folder means nothing without --ray"),
    (["explain", "--turn", "chat:3", "--worst", "2"], "--worst means nothing with --turn"),
    (["attribute", "--turn", "chat:3", "--below", "0.5"], "--below, --turn and --worst exclude each other"),
    (["attribute", "--k", "2"], "--k means nothing without --method joint"),
    (["contrast", "--below", "0.5", "--worst", "2"], "--below, --turn and --worst exclude each other"),
    (["contrast", "--question", "revise", "--responder", "bot"], "leave one of them out"),
    ([*PROMPT, "--rubric", "harm"], "--rubric means nothing with --prompt"),
    ([*PROMPT, "1"], "RUN means nothing with --prompt"),
    (["contrast", "--baseline"], "--baseline means nothing without --prompt"),
    (["export", "--format", "openai", "--rubric", "harm"], "--rubric means nothing with --format openai"),
    (["export", "--format", "openai", "--judge", "judge"], "--judge means nothing with --format openai"),
    (["runs", "compare", "1", "1"], "both are run 1: name two runs"),
    (
        ["logs", "inspect", "chats.jsonl", "--format", "openai", "--columns", "role=a,content=b"],
        "a map of fields takes the place of a format",
    ),
    ([*VALIDATE, "--run", "1", "--samples", "3"], "--samples means nothing with --run and without --judge"),
    ([*CALIBRATE, "--precision", "0.5", "--recall", "0.5"], "precision, recall and flagged exclude each other"),
    ([*CALIBRATE, "--prior"], "prior uses neither labels nor logs"),
    (["judges", "calibrate", "--list", "--remove", "1"], "--list means nothing with --remove"),
]
OUT_OF_RANGE = [
    (["analyze", ""], "the name of a log is empty"),
    (["judges", "train", *LABELLED], "2 labelled turns and 0 pairs are too few; at least 20 of either are needed"),
    ([*ANALYZE, "--limit", HUGE], "the largest valid number is 999999999"),
    ([*ANALYZE, "--ray", "head"], "address='head' is not valid; valid are 'local', 'auto' and 'HOST:PORT'"),
    ([*ANALYZE, "--samples", "20000", "--dry-run"], "samples=20000 is not valid; it must be at most 10000"),
    ([*ANALYZE, "--fail-under", "helpfulness=nan"], "--fail-under 'helpfulness=nan' is not valid"),
    (["explain", "--worst", HUGE], "the largest valid number is 999999999"),
    (["attribute", "--below", "nan"], "nan is not in the range 0<=x<=1"),
    (["contrast", "--worst", HUGE], "the largest valid number is 999999999"),
    ([*PROMPT, "--delta", "nan"], "--delta nan is not valid; it must be a finite number"),
    ([*EXPORT, "--test", "nan"], "nan is not in the range 0<=x<1"),
    (["logs", "import", "chats.jsonl", "--limit", HUGE], "the largest valid number is 999999999"),
    ([*VALIDATE, "--judge", "judge", "--seed", "-1"], "-1 is not in the range x>=0"),
    ([*CALIBRATE, "--flagged", "nan"], "nan is not in the range 0<x<=1"),
    (CALIBRATE, "2 labelled turns of 1 dialogues are too few for a calibration"),
    ([*NOISE, "--rubric", "nope", "--dry-run"], "rubric 'nope' is neither a file nor one of"),
    (["judges", "noise", "nowhere", "--rubric", "harm", "--dry-run"], "log 'nowhere' does not exist"),
    ([*PROMPT, "--score", CONTROL, "--dry-run"], r"score '\x1b[2J' is not known"),
    (["export", "--format", "nope", "--dry-run"], "format 'nope' is not known"),
    ([*EXPORT, "--rubric", "harm", "--dry-run"], "--rubric harm: run 1 was not judged by it"),
]


@pytest.mark.parametrize(("command", "sentence"), EXCLUDED + OUT_OF_RANGE, ids=lambda value: " ".join(value)[-60:])
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(world, command, sentence):
    refused(world, command, 2, sentence)


WRITERS = [
    ANALYZE,
    ["explain"],
    ["attribute"],
    ["contrast"],
    ["report"],
    ["export", "--format", "openai"],
    [*VALIDATE, "--judge", "judge"],
]


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
def test_an_output_folder_that_cannot_be_written_is_refused_before_anything_is_asked(world, command):
    sentence = "--out 'file/x': no file can be written there (Not a directory); name another folder"
    refused(world, [*command, "--out", "file/x"], 2, sentence)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["report", "--html", "file/x.html"], "--html 'file': no file can be written there (Not a directory)"),
        (["judges", "train", *LABELLED, "--out", "file/head.json"], "--out 'file': no file can be written there"),
        (["report", "--pdf", "/dev/full"], "--pdf '/dev/full' is no file, and is not replaced; name another"),
        (["judges", "train", *LABELLED, "--out", ""], "--out '.' is a folder; name a file"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(world, command, sentence):
    refused(world, command, 2, sentence)


@pytest.mark.parametrize("command", [["explain"], ["attribute"], ["contrast"]], ids=" ".join)
def test_a_disk_that_gets_full_loses_no_explanation(world, monkeypatch, command):
    def full(bodies, path):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("convexplain.cli.show.explained.write_lines", full)
        code, _, err = world.run(*command)
    assert code == 1
    assert "cannot be written (No space left on device). Nothing is lost" in err
    asked = world.asked
    code, _, _ = world.run(*command)
    assert (code, world.asked) == (0, asked)


INTERRUPTED = [ANALYZE, ["explain"], ["attribute"], ["contrast"], [*VALIDATE, "--judge", "judge"]]


@pytest.mark.slow
@pytest.mark.parametrize("command", INTERRUPTED, ids=" ".join)
def test_ctrl_c_during_a_call_keeps_what_was_judged(world, command):
    def interrupted(request):
        if world.asked > 1:
            signal.raise_signal(signal.SIGINT)
        return depot(request)

    world.answer["judge"] = interrupted
    code, _, err = world.run(*command)
    assert code == 130
    assert "goes on where it stopped" in err
    signal.signal(signal.SIGINT, signal.default_int_handler)
    world.answer["judge"] = depot
    first = {request.messages[0].content for request in world.models[0].requests[:1]}
    code, _, _ = world.run(*command)
    assert code == 0
    assert first.isdisjoint(request.messages[0].content for model in world.models[1:] for request in model.requests)


CALLERS = [
    [*PROMPT, "--score", "bleu-summ"],
    ["judges", "check", "bot"],
    ["judges", "calibrate", "--prior", "--rubric", "harm"],
]


@pytest.mark.parametrize("command", CALLERS, ids=" ".join)
def test_ctrl_c_is_one_sentence(world, command):
    def interrupted(request):
        signal.raise_signal(signal.SIGINT)
        return depot(request)

    world.answer = dict.fromkeys(("judge", "bot", "embedded"), interrupted)
    code, _, err = world.run(*command)
    said = [line for line in err.strip().splitlines() if line and not line.startswith("Judge: ")]
    assert (code, said) == (130, [STOPPED])


def test_a_missing_extra_ends_with_its_install_command(world, monkeypatch, tmp_path):
    """Nothing was read, so nothing is said to be kept, and no run number is used up."""
    sheet = openpyxl.Workbook()
    sheet.active.append(["id", "role", "content"])
    sheet.save(tmp_path / "chats.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    code, _, err = world.run("analyze", "chats.xlsx", "--judge", "judge")
    lines = [line for line in err.strip().splitlines() if not line.startswith("Judge: ")]
    assert (code, lines[-2:]) == (
        1,
        [
            "Error: Reading Excel files needs the extra 'logs': pip install 'convexplain[logs]'",
            "Install it, then run the same command again.",
        ],
    )
    assert "kept" not in err
    code, out, err = world.run(*ANALYZE)
    assert (code, "Run 2:" in out) == (0, True), err


@pytest.mark.parametrize("log", ["file", "/proc/self/mem"])
def test_a_log_without_conversations_is_reported_and_makes_no_run(world, log):
    code, _, err = world.run("analyze", log, "--judge", "judge")
    assert (code, "no conversation was read, so there is no run" in err) == (1, True), err
    assert "the file is empty" in err or "cannot be read: Input/output error" in err
    assert world.run("runs", "show", "2")[0] == 1


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (".", "--db '.' is a folder; name a file in it"),
        ("file/x.db", "--db 'file/x.db': its folder cannot be made (File exists)"),
        ("chats.jsonl", "chats.jsonl: file is not a database"),
        ("mysql://x/y", "--db 'mysql://x/y' is neither a file nor the URL of an SQLite or PostgreSQL database"),
    ],
)
@pytest.mark.parametrize("command", [ANALYZE, ["explain"], ["runs", "list"]], ids=" ".join)
def test_a_store_that_cannot_be_opened_is_named(world, command, place, sentence):
    refused(world, [*command, "--db", place], 1, sentence)


def test_control_characters_of_names_and_rubrics_do_not_reach_the_terminal(world):
    folder = world.folder / CONTROL
    folder.mkdir()
    text = (ROOT / "rubrics" / "manner_1.yaml").read_text().replace("id: manner_1", "id: mine")
    text = re.sub("^title: .*", r'title: "\\e[2J"', text, flags=re.MULTILINE)
    (folder / "mine.yaml").write_text(text)
    for command in (["rubrics", "check"], ["rubrics", "show"]):
        _, out, err = world.run(*command, f"{CONTROL}/mine.yaml")
        assert (CONTROL in out + err, "mine" in out) == (False, True), err
    code, out, _ = world.run("report", "--html", f"{CONTROL}/r.html")
    assert (code, CONTROL in out) == (0, False)


@pytest.mark.slow
def test_a_rubric_that_is_nested_without_end_is_refused(world):
    (world.folder / "deep.yaml").write_text("a: " + "[" * 5000)
    refused(
        world,
        ["rubrics", "check", "deep.yaml"],
        2,
        "deep.yaml:1: not valid YAML: nested too deeply: more than 12 levels",
    )


def test_an_interrupted_import_keeps_what_was_read(world, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("convexplain.workspace.methods.analyses.tell_replaced", interrupted)  # after the last log
        code, _, err = world.run("logs", "import", "chats.jsonl")
    assert (code, err.strip()) == (130, STOPPED)
    store = RunStore(str(world.folder / "store.db"))
    assert [conversation.id for conversation in store.conversations()] == ["chat", "chat"]
    store.close()
