"""Jobs: what they are in the store, how far they are, and what becomes of them when their process is gone."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from convexplain import load_rubric
from convexplain.errors import ConvexplainError, UsageError
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.store import RunStore, schema
from convexplain.store.jobs import add_job, end_job, find_job, keep_progress
from convexplain.text.visible import visible
from convexplain.workspace import JudgeSpec, LogSettings, jobs, processes
from convexplain.workspace.job_specs import AnalyzeJob, ExplainJob, ExportJob, JudgeJob, job_settings, job_spec
from convexplain.workspace.jobs import cancel_job, job_state, list_jobs, resume_job, start_job, wait_for_job
from convexplain.workspace.processes import held

HOST = socket.gethostname()
SPECS = [
    AnalyzeJob((Path("/a b.jsonl"),)),
    AnalyzeJob(
        (Path("/a"), Path("/-rf")),
        ("harm", "/x.yaml"),
        JudgeSpec("http://host/v1?model=m", samples=3, reasons="all", escalate=JudgeSpec("openai:x")),
        "last",
        5,
        LogSettings("csv", "role=a,content=b", ("Shop Berlin", "--help"), True, Path("/names"), True),
    ),
    ExplainJob(2, "-x; rm -rf / \x00 \ud800", 7, "harm"),
    ExplainJob(
        2, "c", 7, "harm", ContrastSettings("worsen", 0.2, editable=(1, 3)), AttributionSettings("loo", ("turn",)), 4
    ),
    ExportJob(2, "trl-dpo", Path("/out"), 0.3, 0.1),
    JudgeJob("id: x", (("user", "Hi"), ("assistant", "Ho \ud800")), JudgeSpec("embedded")),
]


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return str(tmp_path / "store.db")


@pytest.fixture
def store(database):
    opened = RunStore(database)
    yield opened
    opened.close()


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_comes_back_from_the_store(store, spec):
    number = add_job(store, spec.kind, job_settings(spec), "/f", None, HOST)
    assert job_spec(find_job(store, number)) == spec


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("analyze", {"arguments": ["analyze", "--judge=x"]}),
        ("tomorrow", {}),
        ("export", {"run": 1}),
        ("explain", {"run": 1, "conversation": "c", "turn": 1, "rubric": "harm", "contrast": {"goal": "shine"}}),
    ],
)
def test_a_job_of_another_version_is_listed_and_cannot_go_on(database, store, kind, settings):
    number = add_job(store, kind, settings, "/f", None, HOST)
    end_job(store, number, "stopped")
    (state,) = list_jobs(database)
    assert (state.status, state.done, state.total, state.share, state.messages) == ("stopped", 0, None, None, "")
    with pytest.raises(UsageError, match="job 1 was started by another version of convexplain"):
        resume_job(database, number)
    with pytest.raises(UsageError, match="cannot go on; start it again"):
        job_spec(find_job(store, number))
    assert find_job(store, number).status == "stopped"


def test_a_job_whose_process_is_gone_is_stopped(database, store):
    number = add_job(store, "export", {}, "/nowhere", None, HOST)
    assert find_job(store, number).status == "running"
    assert job_state(database, number).status == "stopped"


@pytest.mark.parametrize(("minutes", "status"), [(0, "running"), (2, "stopped")])
def test_a_job_of_another_machine_lives_by_its_signs(database, store, minutes, status):
    number = add_job(store, "export", {"run": 1, "form": "csv", "out": "/o"}, "/nowhere", None, "elsewhere")
    with store.engine.begin() as connection:
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        connection.execute(sa.update(schema.jobs).values(alive_at=at, process=1))
    assert job_state(database, number).status == status
    with pytest.raises(UsageError, match="cancel it there"):
        cancel_job(database, number)
    if status == "running":
        with pytest.raises(UsageError, match="job 1 is running on 'elsewhere'"):
            resume_job(database, number)


def test_how_far_a_job_is(database, store):
    run = store.begin_run("m", "f", {}, [load_rubric("harm")]).id
    number = add_job(store, "explain", {}, "/nowhere", run, HOST)
    notes = ["It was measured.\x1b[31m"]
    keep_progress(store, number, {"done": 3, "total": 4, "doing": "c:1\x1b", "calls": 1200, "notes": notes})
    end_job(store, number, "failed", error="gone")
    state = job_state(database, number)
    assert (state.done, state.total, state.share, state.run.id) == (3, 4, 0.75, run)
    escape = visible("\x1b")
    assert state.doing == f"c:1{escape}, 1,200 calls"
    assert state.messages == f"It was measured.{escape}[31m\nError: gone"
    assert "\x1b" not in state.messages


def test_an_analysis_whose_run_was_deleted_has_failed(database, store):
    number = add_job(store, "analyze", {}, "/nowhere", None, HOST)
    end_job(store, number, "done", result={"run": 1})
    assert job_state(database, number).status == "failed"


def test_a_job_that_cannot_be_started_says_why(database, store, tmp_path):
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(ConvexplainError, match="job 1 could not be started in"):
        start_job(database, SPECS[0])
    state = job_state(database, 1)
    assert state.status == "failed"
    assert "could not be started" in state.job.error


def test_a_job_that_cannot_be_started_again_has_failed(database, store, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(12, "no memory")

    number = add_job(store, "export", job_settings(SPECS[4]), str(tmp_path / "job"), None, HOST)
    end_job(store, number, "stopped")
    monkeypatch.setattr(jobs, "start_worker", refuse)
    with pytest.raises(ConvexplainError, match=r"job 1 could not be started in .* no memory"):
        resume_job(database, number)
    state = job_state(database, number)
    assert (state.status, "no memory" in state.job.error) == ("failed", True)


def test_on_windows_no_job_is_kept(database, store, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "sys", SimpleNamespace(platform="win32"))
    with pytest.raises(UsageError, match="on Windows the dashboard starts no jobs"):
        start_job(database, SPECS[0])
    assert list_jobs(database) == []
    (tmp_path / "lock").touch()
    number = add_job(store, "export", job_settings(SPECS[4]), str(tmp_path), None, HOST)  # as an earlier version did
    assert [state.status for state in list_jobs(database)] == ["stopped"]
    with pytest.raises(UsageError, match="on Windows the dashboard starts no jobs"):
        resume_job(database, number)


@pytest.mark.slow
@pytest.mark.parametrize("ended", [False, True])
def test_of_two_who_go_on_with_a_job_at_once_one_does(database, stub, monkeypatch, ended):
    stub.seconds = 0 if ended else 30
    text = (Path(__file__).parents[2] / "rubrics" / "harm.yaml").read_text()
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "start_worker", lambda *_: 2**22 + 1)  # killed at once; no process has that number
        job = start_job(database, JudgeJob(text, (("assistant", "Ho"),), JudgeSpec(stub.url)))
    assert job_state(database, job).status == "stopped"
    lives = jobs.lives

    def overtaken(*_):
        """Lets another one start the job after this one has looked."""
        monkeypatch.setattr(jobs, "lives", lives)
        resume_job(database, job)
        if ended:
            assert wait_for_job(database, job, 60).status == "done"
        return False

    monkeypatch.setattr(jobs, "lives", overtaken)
    with pytest.raises(ConvexplainError, match=r"running already|started by somebody else"):
        resume_job(database, job)
    state = job_state(database, job)
    assert state.status == ("done" if ended else "running")
    cancel_job(database, job)  # its process is still known
    assert job_state(database, job).status == ("done" if ended else "stopped")


def test_a_job_that_is_being_started_is_not_cancelled_in_silence(database, store, tmp_path):
    number = add_job(store, "export", {}, str(tmp_path), None, HOST)
    with held(tmp_path), pytest.raises(UsageError, match="job 1 is just being started; cancel it in a moment"):
        cancel_job(database, number)
    cancel_job(database, number)  # nobody starts it
    assert find_job(store, number).status == "running"


@pytest.mark.slow
def test_a_worker_finds_a_store_of_a_relative_url(tmp_path, stub, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    database = "sqlite:///relative.db"
    job = start_job(database, JudgeJob("id: x", (("assistant", "Ho"),), JudgeSpec(stub.url)))
    state = wait_for_job(database, job, 60)
    assert "'title' is a required property" in (state.job.error or "")
    assert list(tmp_path.rglob("*.db")) == [tmp_path / "relative.db"]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sqlite:///b.db", "HERE/b.db"),
        ("sqlite+pysqlite:////b.db", "/b.db"),
        ("sqlite:///b.db?timeout=5", "sqlite:///HERE/b.db?timeout=5"),
        ("sqlite:///file:b.db?uri=true", "sqlite:///file:HERE/b.db?uri=true"),
        ("sqlite:///file:/b.db?uri=true", "sqlite:///file:/b.db?uri=true"),
        ("postgresql+psycopg://anna:s%40cret@host/db", "postgresql+psycopg://anna:s%40cret@host/db"),
    ],
)
def test_the_address_of_a_store_holds_in_any_folder(tmp_path, monkeypatch, url, address):
    monkeypatch.chdir(tmp_path)
    opened = SimpleNamespace(engine=SimpleNamespace(url=sa.make_url(url)))
    expected = address.replace("HERE", str(tmp_path))
    if "://" in expected:
        assert sa.make_url(jobs._address(opened)) == sa.make_url(expected)
    else:
        assert jobs._address(opened) == expected


@pytest.mark.slow
def test_a_worker_gets_the_store_by_its_environment_only(database, stub):
    job = start_job(database, JudgeJob("id: x", (("assistant", "Ho"),), JudgeSpec(stub.url)))
    state = job_state(database, job)
    command = Path(f"/proc/{state.job.process}/cmdline")
    if command.exists():
        assert command.read_text().split("\0")[1:] in (["-m", "convexplain.workspace.worker", "1", ""], [""])
    state = wait_for_job(database, job, 60)
    assert state.status == "failed"
    assert "'title' is a required property" in state.job.error
    assert list_jobs(database) == []  # such jobs are waited for
    assert stub.prompts == []


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_cancelled(database, stub):
    stub.seconds = 30
    text = (Path(__file__).parents[2] / "rubrics" / "harm.yaml").read_text()
    job = start_job(database, JudgeJob(text, (("assistant", "Ho"),), JudgeSpec(stub.url)))
    state = wait_for_job(database, job, 0.5)
    assert (state.status, state.job.error) == ("stopped", None)
