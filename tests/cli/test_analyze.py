"""The command line as people use it: separate processes against a stub server on this machine."""

import csv
import gzip
import json
import os
import random
import re
import shlex
import signal
import stat
import subprocess
import sys
import time

import pytest

from convexplain.models.shared_replies import MOST_ROWS
from convexplain.store import RunStore
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def start(*args, cwd, stdin=None, **environment):
    if args[0] == "analyze" and "--explain" not in args:
        args = (*args, "--explain", "0")  # what is counted here are the judgements
    env = {**os.environ, "CONVEXPLAIN_DB": str(cwd / "store.db"), "COLUMNS": "120", "PYTHONUTF8": "1", **environment}
    command = [sys.executable, "-m", "convexplain", *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        command, cwd=cwd, env=env, preexec_fn=hear_ctrl_c, stdin=stdin, encoding="latin-1" if stdin else None, **pipes
    )


def hear_ctrl_c():
    """A shell's background jobs ignore Ctrl-C, and so would all that they start: the tests may be such a job."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(*args, cwd, **environment):
    process = start(*args, cwd=cwd, **environment)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


@pytest.fixture
def folder(tmp_path):
    work = tmp_path / "elsewhere"
    work.mkdir()
    return work


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_analyze_judges_every_turn_and_writes_table_report_and_judgements(stub, chats, folder):
    code, out, _err = run("analyze", chats, "--judge", stub.url, cwd=folder)
    assert code == 0
    assert len(stub.prompts) == 36  # 12 turns, 3 maxims
    assert "Run 1: 6 conversations, 12 assistant turns" in out
    assert re.search(r"Harm \(1 = harmless\) +│ +12 │ +0 │ 0\.50 │ +– │ unvalidated", out)
    heading = (
        "Lowest scores on harm, helpfulness, informativeness, which only sort turns (none of these turns is flagged):"
    )
    assert heading in out
    lines = out.splitlines()
    others = ", ".join(f"{name} 0.10 (unvalidated)" for name in ("helpfulness", "informativeness"))
    scores = f"harm 0.10 (1 = harmless, unvalidated), {others}"
    first = lines.index(f"    c0, turn 3: {scores}")
    assert lines[first - 1] == "  The judge: It is 'bad'."
    assert lines[first + 1].startswith('    User: "')
    assert lines[first + 2 : first + 4] == ['    Reply: "A bad one 0."', "    More: convexplain explain 1 --turn c0:3"]
    assert "Files in convexplain-out/run-1: report.html, judgements.jsonl, scores.csv" in out
    assert "54 calls; " in out  # a reason for each of the 18 low scores too
    found = rows(folder / "convexplain-out" / "run-1" / "judgements.jsonl")
    assert len(found) == 36
    fields = "conversation_id turn rubric score label reason evidence model prompt_sha trust"
    assert set(found[0]) == set(fields.split())
    assert [row["score"] for row in found if row["rubric"] == "harm"][:2] == [pytest.approx(0.9), pytest.approx(0.1)]
    assert "A bad one 0." in (folder / "convexplain-out" / "run-1" / "report.html").read_text()


def test_an_answer_that_no_turn_holds_is_exit_code_1(stub, folder):
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    (folder / "a.jsonl").write_text(json.dumps({"messages": messages, "discarded_answer": "Take the number four bus."}))
    code, out, err = run("analyze", "a.jsonl", "--rubric", "helpfulness", "--judge", stub.url, cwd=folder)
    assert code == 1
    assert "1 text under 'discarded_answer' is in no turn" in out + err


def test_an_alarm_budget_is_said_and_stays_with_the_run(stub, chats, folder):
    code, out, _err = run("analyze", chats, "--judge", stub.url, "--rubric", "harm", "--alarms", "60%", cwd=folder)
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("harm: alarm threshold"))
    assert "the lowest 60 % of this run's 12 scores lie below it; these are few" in out.replace("\n", " ")
    assert "alarm threshold" in next((folder / "convexplain-out" / "run-1").glob("*.html")).read_text()
    assert line in run("runs", "show", "1", cwd=folder)[1]
    code, _out, err = run("analyze", chats, "--judge", stub.url, "--alarms", "5", cwd=folder)
    assert code == 2
    assert "'5' is not valid; write a share of turns as 5% or as 0.05" in err.replace("\n", " ")


def test_the_same_command_again_asks_nothing(stub, chats, folder):
    run("analyze", chats, "--judge", stub.url, cwd=folder)
    code, out, _ = run("analyze", chats, "--judge", stub.url, cwd=folder)
    assert code == 0
    assert len(stub.prompts) == 36
    assert "0 calls, 54 from the cache" in out


def test_dry_run_counts_and_asks_nothing(stub, chats, folder):
    code, out, _ = run("analyze", chats, "--judge", f"{stub.url}?model=stub", "--dry-run", cwd=folder)
    assert code == 0
    assert stub.prompts == []
    assert "6 conversations, 12 assistant turns, 3 maxims: 36 judgements." in out
    assert re.search(r"36 calls to \S+ with about [\d,]+ prompt tokens; 0 more are in the cache", out)
    assert "If the judge gives no log-probabilities it takes 5 calls for each score: at most 180 calls." in out


def test_dry_run_of_heads_speaks_of_no_log_probabilities(chats, folder):
    code, out, _ = run("analyze", chats, "--judge", "embedded", "--dry-run", cwd=folder)
    assert code == 0
    assert "12 calls to embedded" in out  # one for each turn: the heads of all maxims read one reply
    assert "log-probabilities" not in out


def test_stored_conversations_are_judged_again_without_their_log(stub, chats, folder):
    run("analyze", chats, "--judge", stub.url, "--rubric", "harm", cwd=folder)
    chats.unlink()
    for stored in (["--stored"], ["--stored", "1"]):
        code, out, _ = run(
            "analyze", *stored, "--judge", stub.url, "--rubric", "manner_1", "--turns", "last", cwd=folder
        )
        assert code == 0
        assert "6 conversations, 6 assistant turns" in out
    assert len(stub.prompts) == 12 + 6


def test_limit_turns_samples_and_own_rubric(stub, chats, folder):
    (folder / "mine.yaml").write_text(
        (ROOT / "rubrics" / "manner_1.yaml").read_text().replace("id: manner_1", "id: mine")
    )
    options = ["--limit", "2", "--turns", "last", "--samples", "3", "--rubric", "mine.yaml"]
    code, _, _ = run("analyze", chats, "--judge", stub.url, *options, cwd=folder)
    assert code == 0
    assert len(stub.prompts) == 2 * 3
    (first, _) = rows(folder / "convexplain-out" / "run-1" / "judgements.jsonl")
    assert (first["rubric"], first["evidence"]["kind"], first["evidence"]["n"]) == ("mine", "samples", 3)


def test_bad_records_and_bad_files_are_named_and_the_rest_is_done(stub, chats, folder):
    chats.write_text(chats.read_text() + '\n{"messages": [{"role": "user"\n')
    (folder / "empty.jsonl").write_text("")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "alone.jsonl").write_text('{"id": "x", "messages": [{"role": "user", "content": "Hello?"}]}')
    code, out, err = run("analyze", chats, folder, "--judge", stub.url, "--rubric", "harm", cwd=folder)
    assert code == 1
    assert "chats.jsonl:7:" in err
    assert "empty.jsonl: " in err
    assert "picture.png: " in err
    assert "conversation 'x' has no assistant turn to judge" in err
    assert "6 conversations, 12 assistant turns" in out
    assert "3 records or files could not be used" in out


def test_an_unscored_turn_makes_the_exit_code_1_and_is_listed(stub, chats, folder):
    stub.misbehave = lambda number: (418, {}, "I am a teapot") if number == 3 else None
    code, out, notes = run("analyze", chats, "--judge", stub.url, "--rubric", "harm", cwd=folder)
    assert code == 1
    assert re.search(r"unscored 1 x: .*HTTP 418: I am a teapot", out)
    assert "`convexplain runs retry 1` asks again for what has no score." in notes
    scores = [row["score"] for row in rows(folder / "convexplain-out" / "run-1" / "judgements.jsonl")]
    assert scores.count(None) == 1
    stub.misbehave = lambda number: None
    code, out, _ = run("analyze", chats, "--judge", stub.url, "--rubric", "harm", cwd=folder)
    assert (code, len(stub.prompts)) == (0, 13)  # only the failed one was asked again


@pytest.mark.parametrize(
    ("wrong", "asked"),
    [
        ((429, {"Retry-After": "0"}, "slow down"), 13),
        ((503, {"Retry-After": "0"}, "<html>busy</html>"), 13),
        ("close", 13),
        ((200, {}, "<html>hello</html>"), 12),
        ((200, {}, '{"choices": [{"mess'), 13),
    ],
)
def test_an_endpoint_that_misbehaves_once(stub, chats, folder, wrong, asked):
    stub.misbehave = lambda number: wrong if number == 5 else None
    code, _, _ = run("analyze", chats, "--judge", stub.url, "--rubric", "harm", cwd=folder)
    assert len(stub.prompts) == asked
    assert code == (0 if asked == 13 else 1)  # what cannot be asked again is unscored


def test_an_endpoint_that_hangs(stub, chats, folder):
    stub.misbehave = lambda number: "hang" if number == 5 else None
    code, out, _ = run("analyze", chats, "--judge", f"{stub.url}?timeout=1", "--rubric", "harm", cwd=folder)
    assert code == 0
    assert "1 retries" in out


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["analyze"], 2, "name either log files or stored conversations"),
        (["analyze", "no-such-file"], 2, "no-such-file"),
        (["analyze", "chats.jsonl", "--rubric", "helpfullness"], 2, "is neither a file nor one of: helpfulness, harm"),
        (["analyze", "chats.jsonl", "--rubric", "harm", "--rubric", "harm"], 2, "harm is named twice"),
        (["analyze", "chats.jsonl", "--judge", "gpt"], 2, "model 'gpt' is not known"),
        (["analyze", "chats.jsonl", "--turns", "some"], 2, "'some' is not one of 'all', 'last'"),
        (["analyze", "chats.jsonl", "--map", "role=a"], 2, "it needs content=…, the text"),
        (["analyze", "chats.jsonl", "--judge", "http://127.0.0.1:9/v1?model=m"], 1, "cannot be reached"),
        (["analyze", "--stored", "7", "--judge", "http://127.0.0.1:9/v1?model=m"], 1, "there is no run 7"),
        (["rubrics", "check", "broken.yaml"], 2, "broken.yaml:3: the file has the unknown key 'requirment'"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_usage_errors_say_what_would_be_valid(chats, folder, args, code, words):
    (folder / "chats.jsonl").write_bytes(chats.read_bytes())
    (folder / "broken.yaml").write_text("id: x\ntitle: X\nrequirment: oops\n")
    found, _, err = run(*args, cwd=folder)
    assert found == code
    assert words in " ".join(err.split())


def test_rubrics_list_and_show(folder):
    code, out, _ = run("rubrics", "list", cwd=folder)
    assert code == 0
    assert len(out.splitlines()) == 19
    code, out, _ = run("rubrics", "show", "harm", cwd=folder)
    assert "Harm (1 = harmless)" in out


def test_models_check(stub, folder):
    code, out, _ = run("judges", "check", stub.url, cwd=folder)
    assert code == 0
    assert re.search(r"log-probabilities +yes, of the top 2", out)


def test_runs_lists_runs(stub, chats, folder):
    run("analyze", chats, "--judge", stub.url, "--rubric", "harm", cwd=folder)
    code, out, _ = run("runs", "list", cwd=folder)
    assert code == 0
    assert re.match(r"Run 1: complete, begun \d{4}-\d\d-\d\d \d\d:\d\d, 6 conversations, 12 turns, judge http://", out)


def test_a_run_that_is_killed_at_any_moment_goes_on_where_it_stopped(stub, chats, folder):
    """Killed five times at random moments, then left alone: all is judged, and little was asked twice."""
    stub.seconds = 0.05
    in_flight, kills, rng = 4, 0, random.Random(7)
    args = ["analyze", chats, "--judge", f"{stub.url}?in_flight={in_flight}"]
    for _ in range(5):
        process = start(*args, cwd=folder)
        asked = len(stub.prompts)
        while len(stub.prompts) == asked and process.poll() is None:
            time.sleep(0.01)  # until it is at work
        time.sleep(rng.uniform(0, 0.15))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    code, out, err = run(*args, cwd=folder)
    assert code == 0
    assert kills == 5
    assert "Going on with run 1" in err
    assert "Run 1: 6 conversations, 12 assistant turns" in out
    assert len(set(stub.prompts)) == 36
    assert len(stub.prompts) - 36 <= kills * (in_flight + MOST_ROWS)
    found = rows(folder / "convexplain-out" / "run-1" / "judgements.jsonl")
    assert len({(row["conversation_id"], row["turn"], row["rubric"]) for row in found}) == len(found) == 36


def test_ctrl_c_stops_politely_and_the_run_goes_on(stub, chats, folder):
    stub.seconds = 0.2
    args = ["analyze", chats, "--judge", f"{stub.url}?in_flight=2", "--rubric", "harm"]
    process = start(*args, cwd=folder)
    while len(stub.prompts) < 5:  # so that two at least are answered and kept
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    missing = int(re.search(r"(\d+) of 12 judgements are missing\. What was judged is kept\.", err)[1])
    assert 0 < missing < 12
    assert f"The same command goes on where it stopped:\n  convexplain {shlex.join(map(str, args))}" in err
    assert "Traceback" not in err
    assert "Run 1, not complete: " in out
    files = folder / "convexplain-out" / "run-1"
    assert len(rows(files / "judgements.jsonl")) == 12 - missing
    assert (files / "report.html").exists()
    scores = (files / "scores.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(list(csv.DictReader(scores))) == 12 - missing
    stub.seconds = 0
    code, _, err = run(*args, cwd=folder)
    assert code == 0
    assert "Going on with run 1" in err
    assert len(rows(files / "judgements.jsonl")) == 12


def test_sigterm_stops_as_ctrl_c_does(stub, chats, folder):
    stub.seconds = 0.2
    process = start("analyze", chats, "--judge", f"{stub.url}?in_flight=2", "--rubric", "harm", cwd=folder)
    while len(stub.prompts) < 5:
        time.sleep(0.01)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Stopped by SIGTERM." in err
    assert "Traceback" not in err
    assert "Run 1, not complete: " in out
    (stopped,) = _runs(folder)
    assert stopped.status == "stopped"
    kept = len(rows(folder / "convexplain-out" / "run-1" / "judgements.jsonl"))
    assert 0 < kept < 12
    assert stat.S_IMODE((folder / "convexplain-out").stat().st_mode) == 0o700
    files = list((folder / "convexplain-out" / "run-1").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in (*files, folder / "store.db")} == {0o600}


def test_ctrl_c_twice_still_ends_with_a_sentence(stub, chats, folder):
    stub.seconds = 0.2
    process = start("analyze", chats, "--judge", f"{stub.url}?in_flight=2", "--rubric", "harm", cwd=folder)
    while not stub.prompts:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped" in err
    assert "Traceback" not in err
    code, out, _ = run("analyze", chats, "--judge", stub.url, "--rubric", "harm", cwd=folder)
    assert code == 0
    assert "12 assistant turns" in out


def test_ctrl_c_does_not_wait_for_a_pipe(stub, folder):
    process = start("analyze", "-", "--judge", stub.url, "--rubric", "harm", stdin=subprocess.PIPE, cwd=folder)
    while not (folder / "store.db").exists() or not _runs(folder):
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped by Ctrl-C.\nExit code 130: no conversation was read, so there is no run." in err
    assert "go on" not in err
    assert "Traceback" not in err


def _runs(folder):
    store = RunStore(str(folder / "store.db"))
    runs = store.runs()
    store.close()
    return runs


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_log_comes_through_a_pipe(stub, chats, folder, name):
    process = start("analyze", name, "--judge", stub.url, "--rubric", "harm", stdin=subprocess.PIPE, cwd=folder)
    out, err = process.communicate(gzip.compress(chats.read_bytes()).decode("latin-1"), timeout=60)
    assert process.returncode == 0, err
    assert "Run 1: 6 conversations, 12 assistant turns" in out
    assert len(stub.prompts) == 12


def test_a_server_that_goes_away_leaves_a_report_of_what_there_is(stub, chats, folder):
    stub.misbehave = lambda number: (401, {}, "no such key") if number > 4 else None
    judge = f"{stub.url}?in_flight=1&reasons=none"
    code, out, err = run("analyze", chats, "--judge", judge, "--rubric", "harm", cwd=folder)
    assert code == 1
    assert re.search(r"^Stopped: .*no such key", err, re.MULTILINE)
    assert "8 of 12 judgements are missing. What was judged is kept." in err
    assert "Run 1, not complete: 2 conversations, 4 assistant turns" in out
    assert len(rows(folder / "convexplain-out" / "run-1" / "judgements.jsonl")) == 4


def test_files_that_cannot_be_written_are_told_before_anything_is_asked(stub, chats, folder):
    (folder / "file").write_text("")
    code, _, err = run("analyze", chats, "--judge", stub.url, "--out", "file/out", cwd=folder)
    assert (code, stub.prompts) == (2, [])
    assert "--out 'file/out': no file can be written there (Not a directory); name another folder" in err


def test_files_that_cannot_be_written_at_the_end_lose_nothing(stub, chats, folder):
    (folder / "convexplain-out").mkdir()
    (folder / "convexplain-out" / "run-1").write_text("in the way")
    code, out, err = run("analyze", chats, "--judge", stub.url, "--rubric", "harm", cwd=folder)
    assert code == 1
    assert "12 assistant turns" in out
    assert "The files of run 1 cannot be written: " in " ".join(err.split())
    assert "Nothing of the run is lost, it is in the store: `convexplain report 1` writes the files." in err
    (folder / "convexplain-out" / "run-1").unlink()
    code, out, _ = run("report", "1", cwd=folder)
    assert (code, "Scores: convexplain-out/run-1/scores.csv" in out) == (0, True)


def test_a_mean_score_under_the_limit_is_exit_code_3(stub, chats, folder):
    judge = ["--judge", stub.url, "--rubric", "harm", "--rubric", "helpfulness"]
    limits = ["--fail-under", "harm=0.5", "--fail-under", "helpfulness=0.75"]
    code, _, err = run("analyze", chats, *judge, *limits, cwd=folder)  # half of the scores are 0.9, half are 0.1
    assert code == 3
    assert err.splitlines()[-3:] == [
        "harm 0.50 >= 0.5: passed",
        "helpfulness 0.50 < 0.75: failed",
        "Exit code 3: helpfulness failed --fail-under.",
    ]
    stub.misbehave = lambda number: (418, {}, "I am a teapot")
    code, _, err = run(
        "analyze", chats, "--judge", stub.url, "--rubric", "manner_1", *["--fail-under", "manner_1=0"], cwd=folder
    )
    assert code == 3
    assert "manner_1 has no score (--fail-under 0): failed" in err


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("helpfulness=0.7", "this run has no maxim 'helpfulness'; valid are: harm"),
        ("harm", "'harm' is not valid; write ID=SCORE, with a score from 0 to 1"),
        ("harm=1.5", "'harm=1.5' is not valid"),
        ("harm=nan", "'harm=nan' is not valid"),
    ],
)
def test_a_limit_that_is_not_valid_is_told_before_anything_is_asked(stub, chats, folder, limit, words):
    code, _, err = run("analyze", chats, "--judge", stub.url, "--rubric", "harm", "--fail-under", limit, cwd=folder)
    assert (code, stub.prompts) == (2, [])
    assert words in " ".join(err.split())


def test_the_next_command_is_quoted_for_a_shell_and_names_the_store(stub, folder):
    """An id may hold anything; an escape sequence in it does not reach the terminal."""
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "A bad\x1b[2J one."}]
    log = folder / "log.jsonl"
    log.write_text(json.dumps({"id": "it's $(id)\x1b[31m", "messages": messages}))
    code, out, _ = run("analyze", log, "--judge", stub.url, "--rubric", "harm", "--db", "my.db", cwd=folder)
    assert code == 0
    assert "\x1b" not in out
    assert '    Reply: "A bad\ufffd[2J one."' in out
    assert "convexplain explain 1 --turn $'it\\'s $(id)\\x1b[31m:1' --db my.db" in out


def test_two_processes_on_one_database(stub, chats, folder):
    stub.seconds = 0.01
    processes = [
        start("analyze", chats, "--judge", stub.url, "--rubric", rubric, "--out", rubric, cwd=folder)
        for rubric in ("harm", "helpfulness", "harm")
    ]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in err) == (0, False), err
    store = RunStore(str(folder / "store.db"))
    assert [run.status for run in store.runs()] == ["done"] * 2  # the two that are alike share a run
    assert all(len(list(store.judgements(run.id))) == 12 for run in store.runs())
    store.close()


def test_a_full_disk_is_a_message_and_the_run_goes_on_when_there_is_room(stub, chats, folder):
    """The disk is full for this process: a limit on the size of its files makes writing fail as a full disk does."""
    args = f"-m convexplain analyze {chats} --judge {stub.url} --db {folder / 'store.db'} --rubric harm"
    RunStore(str(folder / "store.db")).close()
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 100; exec {sys.executable} {args}"],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(
        r"^(Error|Stopped): .*store\.db: (disk I/O error|database or disk is full)", done.stderr, re.MULTILINE
    )
    assert "Traceback" not in done.stderr
    code, out, _ = run(*args.split()[2:], cwd=folder)
    assert code == 0
    assert "12 assistant turns" in out
