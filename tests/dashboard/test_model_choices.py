"""What a visitor may choose: nothing else is asked, read or sent a key, whatever a browser sends."""

from dataclasses import replace
from pathlib import Path

import pytest

from convexplain.dashboard.services import jobs
from convexplain.dashboard.services.model_choices import check_judge, judge_choices, judge_problem
from convexplain.dashboard.services.rubric_files import rubric_folder, try_rubric
from convexplain.errors import UsageError
from convexplain.rubrics import rubric_text
from convexplain.store.jobs import add_job, keep_progress
from convexplain.types import Turn
from convexplain.workspace import JudgeSpec, LogSettings, Workspace
from convexplain.workspace.job_specs import AnalyzeJob
from convexplain.workspace.jobs import list_jobs, start_job
from tests.stub_server import StubServer

from .conftest import texts
from .test_jobs import ended
from .test_upload_page import press, upload

pytestmark = pytest.mark.usefixtures("data_folder", "hears_ctrl_c")

KEY = "s3cret-key"
REFUSED = [
    "nonsense",
    "/etc/passwd",
    "local:/srv/weights",
    "hub:some/model",
    "gguf:/etc/passwd",
    "openai:gpt-4.1-mini",
    "embedded?head=/etc/passwd",
    "embedded?escalate=openai%3Agpt-5",
    "URL",
    "URL?model=x",
    "ENDPOINT?key=CONVEXPLAIN_API_KEY",
    "ENDPOINT?escalate=URL",
    "ENDPOINT?model=other",
]


@pytest.fixture
def database(tmp_path):
    return str(tmp_path / "store.db")


@pytest.fixture
def endpoint(stub, monkeypatch):
    """The server that an operator has put there, with its key."""
    monkeypatch.setenv("CONVEXPLAIN_API_KEY", KEY)
    return stub


@pytest.fixture
def listener(endpoint):
    """Somebody's server on another port."""
    server = StubServer()
    yield server
    server.close()


def named(text, endpoint, listener):
    return text.replace("URL", listener.url).replace("ENDPOINT", endpoint.url)


def test_the_embedded_model_and_the_operators_endpoint_can_be_chosen(monkeypatch):
    monkeypatch.delenv("CONVEXPLAIN_BASE_URL", raising=False)
    assert judge_choices() == ("embedded",)
    for url in ("", "local:/srv/weights", "ftp://host/v1"):
        monkeypatch.setenv("CONVEXPLAIN_BASE_URL", url)
        assert judge_choices() == ("embedded",)
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", "http://anna@host:8000/v1?model=NAME")
    Workspace().add_connection("team", "http://h.example/v1?model=m")
    assert judge_choices() == ("embedded", "http://anna@host:8000/v1?model=NAME", "connection:team")
    for choice in judge_choices():
        check_judge(JudgeSpec.parse(choice))
        check_judge(replace(JudgeSpec.parse(choice), reasons="all", samples=3))
        check_judge(replace(JudgeSpec.parse(choice), calibrated=True, escalate=JudgeSpec(), band=0.3))


@pytest.mark.parametrize("text", REFUSED)
def test_where_the_operator_allows_it_any_model_can_be_named(text, monkeypatch):
    monkeypatch.setattr("convexplain.dashboard.services.model_choices._Choice.any_model", True)
    if text != "nonsense":
        check_judge(JudgeSpec.parse(text.replace("URL", "http://h/v1").replace("ENDPOINT", "http://e/v1")))


@pytest.mark.slow
def test_the_field_takes_other_names_only_where_the_operator_allows_it(page, chats, monkeypatch):
    assert not upload(page("upload"), "chats.jsonl", chats.read_bytes()).selectbox(key="judge").proto.accept_new_options
    monkeypatch.setattr("convexplain.dashboard.services.model_choices._Choice.any_model", True)
    assert upload(page("upload"), "chats.jsonl", chats.read_bytes()).selectbox(key="judge").proto.accept_new_options


@pytest.mark.slow
def test_an_endpoint_that_is_not_valid_is_named_and_not_offered(page, chats, monkeypatch):
    assert judge_problem() is None
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", "http://anna@host/v1?samples=many")
    problem = (
        "the environment variable CONVEXPLAIN_BASE_URL names no valid judge: samples='many' is not valid; it must be a "
        "whole number"
    )
    assert judge_choices() == ("embedded",)
    assert judge_problem() == problem
    check_judge(JudgeSpec())
    found = upload(page("upload"), "chats.jsonl", chats.read_bytes())
    assert found.selectbox(key="judge").options == ["embedded"]
    assert problem in texts(found)
    found = page("rubrics")
    assert found.selectbox(key="try-judge").options == ["embedded"]
    assert problem in texts(found)


def test_what_is_refused_is_shown_without_its_secrets(monkeypatch):
    monkeypatch.delenv("CONVEXPLAIN_BASE_URL", raising=False)
    with pytest.raises(UsageError) as refused:
        check_judge(JudgeSpec.parse("http://anna@host/v1?key=sk-typed"))
    assert "valid are: embedded. An operator adds a server" in str(refused.value)
    assert "CONVEXPLAIN_BASE_URL" in str(refused.value)
    assert not any(secret in str(refused.value) for secret in ("anna", "sk-typed"))


@pytest.mark.slow
@pytest.mark.parametrize("text", REFUSED)
def test_no_other_judge_is_asked(endpoint, listener, chats, database, text):
    name = named(text, endpoint, listener)
    spec = AnalyzeJob((chats,), ("harm",), JudgeSpec.parse(name))
    for start in (jobs.start_analyze, jobs.estimate):
        with pytest.raises(UsageError, match="is not known to this dashboard; valid are: embedded, http"):
            start(database, spec)
    judgement, reason = try_rubric(rubric_text("harm"), [Turn("assistant", "x")], name)
    assert judgement is None
    assert "is not known to this dashboard" in reason
    assert list_jobs(database) == []
    assert listener.keys == endpoint.keys == []


@pytest.mark.slow
def test_the_key_goes_to_the_operators_endpoint_only(endpoint, listener, chats, database):
    job = jobs.start_analyze(database, AnalyzeJob((chats,), ("harm",), JudgeSpec(endpoint.url), explain=0))
    assert ended(database, job).status == "done"
    try_rubric(rubric_text("harm"), [Turn("assistant", "x")], endpoint.url)
    assert set(endpoint.keys) == {f"Bearer {KEY}"}
    assert listener.keys == []


def tampered(box, value):
    """What a browser sends that does not keep to the options."""
    box.options.append(value)
    return box.set_value(value)


@pytest.mark.slow
@pytest.mark.parametrize("widgets_check", [True, False])
def test_a_browser_that_sends_another_judge_is_refused(
    page, endpoint, listener, chats, database, monkeypatch, widgets_check
):
    if not widgets_check:  # what stands behind Streamlit's own check
        for place in ("run_form", "rubric_trial"):
            monkeypatch.setattr(f"convexplain.dashboard.ui.{place}.judge_choices", lambda: ("embedded", listener.url))
    found = upload(page("upload"), "chats.jsonl", chats.read_bytes())
    tampered(found.selectbox(key="judge"), listener.url).run()
    assert found.selectbox(key="judge").value == ("embedded" if widgets_check else listener.url)
    press(found, "Estimate the cost")
    refusal = f"model '{listener.url}' is not known to this dashboard"
    if not widgets_check:
        assert refusal in texts(found)
        assert next(button for button in found.button if button.label == "Start").disabled
        found = page("rubrics")
        tampered(found.selectbox(key="try-judge"), listener.url).run()
        press(found, "Judge this answer")
        assert refusal in texts(found)
    assert list_jobs(database) == []
    assert listener.keys == endpoint.keys == []


@pytest.mark.slow
def test_the_pages_offer_what_can_be_chosen(page, endpoint, chats):
    found = upload(page("upload"), "chats.jsonl", chats.read_bytes())
    assert found.selectbox(key="judge").options == ["embedded", endpoint.url]
    assert page("rubrics").selectbox(key="try-judge").options == ["embedded", endpoint.url]


def test_only_uploads_and_kept_rubrics_are_read(chats, database, tmp_path):
    (tmp_path / "mine.yaml").write_text(rubric_text("harm"))
    (chats.parent / "link.jsonl").symlink_to(Path(__file__))
    for spec, message in (
        (AnalyzeJob((chats,), ("harm", str(tmp_path / "mine.yaml"))), "neither a maxim nor one of your own"),
        (AnalyzeJob((chats,), ("/etc/passwd",)), "neither a maxim nor one of your own"),
        (AnalyzeJob((chats, Path(__file__)), ("harm",)), "upload it first"),
        (AnalyzeJob((chats.parent / "link.jsonl",), ("harm",)), "upload it first"),
        (AnalyzeJob((chats.parents[1],), ("harm",)), "upload it first"),
        (AnalyzeJob((chats.parent,), ("harm",)), "upload it first"),
        (AnalyzeJob((chats.parent / "gone.jsonl",), ("harm",)), "upload it first"),
        (AnalyzeJob((chats.parents[3] / "store.db",), ("harm",)), "upload it first"),
        (AnalyzeJob((chats,), ("harm",), reading=LogSettings(redact_names=Path("/etc/passwd"))), "upload it first"),
    ):
        for start in (jobs.start_analyze, jobs.estimate):
            with pytest.raises(UsageError, match=message):
                start(database, spec)
    rubric_folder().mkdir(parents=True)
    path = rubric_folder() / "mine.yaml"
    path.write_text(rubric_text("harm"))  # in the shipped wording, which the embedded model can score
    assert jobs.estimate(database, AnalyzeJob((chats,), (str(path),))).judgements == 12


@pytest.mark.slow
def test_a_browser_that_names_a_file_as_a_maxim_is_shown_nothing(page, tmp_path):
    (tmp_path / "secret.txt").write_text("s3cret text")
    found = page("rubrics")
    tampered(found.selectbox(key="rubric"), str(tmp_path / "secret.txt")).run()
    assert "s3cret text" not in "".join([texts(found), *(area.value for area in found.text_area)])


@pytest.mark.slow
def test_a_run_is_explained_by_the_operators_judge_but_not_by_a_visitors(listener, chats, database, store, monkeypatch):
    run = Workspace(database).analyze(chats, "harm", listener.url).id
    before = len(listener.prompts)
    job = jobs.start_explain(database, run, "c2", 3, "harm", None)  # no page has started this run
    assert ended(database, job).status == "done"
    assert len(listener.prompts) > before
    assert KEY not in str(listener.keys)

    before = len(listener.keys)
    number = add_job(store, "analyze", {"judge": listener.url}, "/nowhere", None, "h")  # as one of an earlier version
    keep_progress(store, number, {}, run)
    for start in (
        lambda: jobs.start_explain(database, run, "c2", 1, "harm", None),
        lambda: jobs.start_export(database, run, "trl-dpo", 0.1, 0.0),
        lambda: jobs.resume(database, job),
    ):
        with pytest.raises(UsageError, match="is not known to this dashboard"):
            start()
    assert len(listener.keys) == before
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", listener.url)
    assert ended(database, jobs.start_explain(database, run, "c2", 1, "harm", None)).status == "done"


@pytest.mark.slow
def test_a_stopped_job_goes_on_only_with_what_can_be_chosen(endpoint, listener, chats, database):
    endpoint.misbehave = lambda number: (401, {}, "{}")
    job = jobs.start_analyze(database, AnalyzeJob((chats,), ("harm",), JudgeSpec(endpoint.url)))
    assert ended(database, job).status == "stopped"
    other = start_job(database, AnalyzeJob((chats,), ("nonsense",), JudgeSpec(listener.url)))  # not by a page
    assert ended(database, other).status == "failed"
    with pytest.raises(UsageError, match="is not known to this dashboard"):
        jobs.resume(database, other)
    assert listener.keys == []
