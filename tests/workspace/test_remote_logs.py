"""Logs by URLs are read as files are, and are named by their URLs."""

import gzip

import fsspec
import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.workspace import Workspace
from convexplain.workspace.remote_logs import is_url, local_logs

YES = ScriptedModel({"yes": 0.9, "no": 0.1})


@pytest.fixture
def bucket(chats):
    """A folder of a file system in memory: two logs, one of them compressed, a hidden file and documentation."""
    files = fsspec.filesystem("memory")
    lines = chats.read_bytes().splitlines(keepends=True)
    files.pipe_file("/bucket/logs/a.jsonl", b"".join(lines[:4]) + b"no JSON")
    files.pipe_file("/bucket/logs/b.jsonl.gz", gzip.compress(b"".join(lines[4:])))
    files.pipe_file("/bucket/logs/.hidden.jsonl", lines[0])
    files.pipe_file("/bucket/logs/README.md", b"# Logs")
    yield "memory://bucket/logs"
    files.rm("/bucket", recursive=True)


def judged(ws, logs):
    return ws.analyze(logs, "helpfulness", YES, reasons="none")


@pytest.mark.parametrize(("pattern", "sources"), [("", "aaaabb"), ("/a.jsonl", "aaaa"), ("/*.gz", "bb")])
def test_a_folder_a_file_and_a_pattern(bucket, tmp_path, pattern, sources):
    ws = Workspace(tmp_path / "a.db")
    run = judged(ws, bucket + pattern)
    names = [talk.source for talk in run.store.conversations(run.run.id)]
    urls = {"a": "memory:///bucket/logs/a.jsonl", "b": "memory:///bucket/logs/b.jsonl.gz"}
    assert names == [urls[name] for name in sources]
    assert run.run.settings["logs"] == [urls[name] for name in sorted(set(sources))]
    problems = run.store.problems(run.run.id)
    assert [problem.path for problem in problems] == [urls["a"]] * ("a" in sources)  # the line that is no JSON
    assert ws.plan(bucket + pattern, "helpfulness", YES).conversations == len(sources)


def test_a_stopped_run_goes_on_unless_the_log_has_changed(bucket, tmp_path):
    ws, log = Workspace(tmp_path / "a.db"), f"{bucket}/a.jsonl"
    gone = ScriptedModel(UnavailableError("no credit"), name=YES.name)
    with pytest.raises(UnavailableError):
        ws.analyze(log, "helpfulness", gone, reasons="none")
    assert judged(ws, log).run.id == 1
    with pytest.raises(UnavailableError):
        ws.analyze(log, "harm", gone, reasons="none")
    fsspec.filesystem("memory").pipe_file(
        "/bucket/logs/a.jsonl", b'{"messages": [{"role": "assistant", "content": "x"}]}'
    )
    assert ws.analyze(log, "harm", YES, reasons="none").run.id == 3


def test_no_copy_stays(bucket):
    with local_logs([bucket]) as local:
        copies = list(local.logs)
        assert [path.name for path in copies] == ["a.jsonl", "b.jsonl.gz"]
        assert all(path.is_file() for path in copies)
    assert not any(path.exists() for path in copies)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("memory://bucket/none.jsonl", "there is no such file"),
        ("unknown://x", "cannot be read: Protocol not known: unknown"),
    ],
)
def test_urls_that_cannot_be_read(url, reason, tmp_path):
    with pytest.raises(UsageError, match=reason):
        judged(Workspace(tmp_path / "a.db"), url)


def test_without_fsspec_the_install_command_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convexplain\[ray\]'"):
        judged(Workspace(tmp_path / "a.db"), "s3://bucket/logs")


@pytest.mark.parametrize(("log", "remote"), [("s3://b/x", True), ("a.jsonl", False), ("User: hi\nhttp://x", False)])
def test_what_counts_as_a_url(log, remote):
    assert is_url(log) is remote
