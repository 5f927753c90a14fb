"""What becomes of an analysis that does not come to its end, without a process of its own."""

import csv
import json

import pytest

from convexplain import Workspace
from convexplain.cli.show.analysis import AnalysisCommand, mean_limits
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import LogError, MissingExtraError, UsageError
from convexplain.store import RunStore


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "s.db")
    yield opened
    opened.close()


@pytest.fixture
def failing(monkeypatch):
    """A function that makes keeping judgements fail after so many."""

    def fail(error, after):
        keep, kept = RunStore.keep_judgements, []

        def keep_judgements(store, run, records):
            written = records[: after - len(kept)]
            kept.extend(written)
            keep(store, run, written)
            if len(written) < len(records):
                raise error

        monkeypatch.setattr(RunStore, "keep_judgements", keep_judgements)

    return fail


def judge():
    return ScriptedModel({"yes": 0.25, "no": 0.75}, in_flight=1)


def analyze(workspace, out, model, limits=()):
    log = out.parent / "log.jsonl"
    if not log.exists():
        talks = [{"id": name, "messages": [{"role": "assistant", "content": f"Answer {name}."}]} for name in "abcd"]
        log.write_text("".join(json.dumps(talk) + "\n" for talk in talks))
    arguments = {"logs": [log], "rubrics": ["helpfulness"], "judge": model}
    return AnalysisCommand(workspace, out, dict(limits), "my.db").run(arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (RuntimeError("boom"), 1, "Stopped: RuntimeError: boom."),
        (KeyboardInterrupt(), 130, "Stopped by Ctrl-C."),
    ],
)
def test_a_crash_leaves_the_files_of_what_was_judged(
    workspace, tmp_path, capsys, monkeypatch, failing, error, code, reason
):
    failing(error, after=2)
    assert analyze(workspace, tmp_path / "out", judge()) == code
    shown = capsys.readouterr()
    lines = shown.err.splitlines()
    assert reason in lines
    assert f"Exit code {code}: 2 of 4 judgements are missing. What was judged is kept." in lines
    assert "The same command goes on where it stopped:" in lines
    assert "Run 1, not complete: 2 conversations, 2 assistant turns" in shown.out
    assert "    More: convexplain explain 1 --turn a:0 --db my.db" in shown.out.splitlines()
    with (tmp_path / "out" / "run-1" / "scores.csv").open(encoding="utf-8-sig") as file:
        assert [row["conversation"] for row in csv.DictReader(file)] == ["a", "b"]
    assert workspace.runs()[0].status == "stopped"
    monkeypatch.undo()
    assert analyze(workspace, tmp_path / "out", judge()) == 0
    assert [(run.id, run.status) for run in workspace.runs()] == [(1, "complete")]


def test_a_crash_before_the_first_judgement_leaves_no_files(workspace, tmp_path, capsys, failing):
    failing(RuntimeError("boom"), after=0)
    assert analyze(workspace, tmp_path / "out", judge()) == 1
    assert "4 of 4 judgements are missing." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_last_lines_say_why_the_exit_code_is_not_0(workspace, tmp_path, capsys):
    def answer(request):
        text = request.messages[0].content
        return "Hm." if "Answer b" in text or "Answer c" in text else {"yes": 0.25, "no": 0.75}

    assert analyze(workspace, tmp_path / "out", ScriptedModel(answer), {"helpfulness": 0.25}) == 1
    shown = capsys.readouterr()
    passed, code, again = shown.err.splitlines()[-3:]
    assert passed == "helpfulness 0.25 >= 0.25: passed"
    assert code.startswith("Exit code 1: 2 replies have no score: b:0 (")
    assert "), c:0 (" in code
    assert again.endswith("` asks again for what has no score.")
    (line,) = [line for line in shown.out.splitlines() if line.startswith("unscored 2 x: ")]
    assert line.endswith(" (b:0, c:0)")
    other = ScriptedModel({"yes": 0.25, "no": 0.75}, name="other")
    assert analyze(workspace, tmp_path / "out", other, {"helpfulness": 0.2501}) == 3
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "helpfulness 0.25 < 0.2501: failed",
        "Exit code 3: helpfulness failed --fail-under.",
    ]


def test_records_that_could_not_be_used_are_named_last(workspace, tmp_path, capsys):
    talk = json.dumps({"id": "a", "messages": [{"role": "assistant", "content": "Answer."}]})
    (tmp_path / "log.jsonl").write_text("\n".join([talk, *["{"] * 5]))
    assert analyze(workspace, tmp_path / "out", judge()) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"Exit code 1: 5 records or files could not be used: {tmp_path}/log.jsonl:2: ")
    assert last.endswith(", and 2 more.")


def test_a_log_without_a_conversation_makes_no_run(workspace, tmp_path):
    (tmp_path / "log.jsonl").write_text("{")
    with pytest.raises(LogError, match=r"/log.jsonl: no conversation was read, so there is no run: is no") as error:
        analyze(workspace, tmp_path / "out", judge())
    assert str(error.value).endswith("--map 'turns=…, role=…, content=…' (from Python: map=…)")  # the remedy, whole
    assert workspace.runs() == []
    (tmp_path / "log.jsonl").unlink()
    assert analyze(workspace, tmp_path / "out", judge()) == 0
    assert [run.id for run in workspace.runs()] == [1]


def test_the_error_is_what_kept_the_log_from_being_read(workspace, tmp_path):
    """Not a remark that comes before it."""
    (tmp_path / "log.jsonl").write_text("time,who,text\n1,Anna,Where is my parcel?\n2,Bo,It comes.\n")
    with pytest.raises(LogError, match=r"/log.jsonl:2: no conversation was read, so there is no run: ") as error:
        analyze(workspace, tmp_path / "out", judge())
    assert error.value.reason.partition("no run: ")[2] == (
        "it is not known which of the speakers 'Anna', 'Bo' is the assistant. Name the assistant, for example add: "
        "--assistant Bo (from Python: assistant=['Bo'])"
    )


def test_a_run_that_is_stopped_before_it_has_read_anything_is_not_kept(workspace, tmp_path, capsys, monkeypatch):
    async def keep_source(*_):
        raise MissingExtraError("Reading .xlsx", "logs")

    with monkeypatch.context() as patched:
        patched.setattr("convexplain.analysis.runs.keep_source", keep_source)
        with pytest.raises(MissingExtraError):  # nothing is kept, so nothing can go on
            analyze(workspace, tmp_path / "out", judge())
    assert workspace.runs() == []
    assert "goes on where it stopped" not in capsys.readouterr().err
    assert analyze(workspace, tmp_path / "out", judge()) == 0
    assert [run.id for run in workspace.runs()] == [1]  # a command that read nothing leaves no gap


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (RuntimeError("boom"), 1, "Stopped: RuntimeError: boom."),
        (KeyboardInterrupt(), 130, "Stopped by Ctrl-C."),
    ],
)
def test_nothing_is_said_to_go_on_where_nothing_was_read(workspace, tmp_path, capsys, monkeypatch, error, code, reason):
    async def keep_source(*_):
        raise error

    monkeypatch.setattr("convexplain.analysis.runs.keep_source", keep_source)
    assert analyze(workspace, tmp_path / "out", judge()) == code
    last = f"Exit code {code}: no conversation was read, so there is no run."
    assert capsys.readouterr().err.splitlines()[-2:] == [reason, last]
    assert workspace.runs() == []


def test_what_comes_before_a_run_is_an_error_as_ever(workspace, tmp_path):
    with pytest.raises(UsageError, match="is not known"):
        analyze(workspace, tmp_path / "out", "gpt")


def test_limits_are_by_the_ids_of_maxims(tmp_path):
    assert mean_limits(["harm=0.5", "helpfulness=1"], ["helpfulness", "harm"]) == {"harm": 0.5, "helpfulness": 1.0}
    assert mean_limits([], ["no such rubric"]) == {}
