"""The roles: what each may do, whatever a browser sends, and what is written down of it."""

import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from convexplain.dashboard.services import jobs, labelling, themes
from convexplain.dashboard.services.pairs import save_review
from convexplain.dashboard.services.people import LOCAL, Person, allowed, check_right, identify_people_by
from convexplain.dashboard.services.rubric_files import save_rubric, try_rubric
from convexplain.dashboard.services.tries import start_try
from convexplain.dashboard.services.uploads import save_named_map, store_upload
from convexplain.errors import UsageError
from convexplain.report.trust_marks import TrustMark
from convexplain.rubrics import rubric_text
from convexplain.store import run_rubrics
from convexplain.store.audit import audit_events, system_user
from convexplain.store.ratings import ratings
from convexplain.types import Turn
from convexplain.workspace import JudgeSpec
from convexplain.workspace.job_specs import AnalyzeJob

from .sample_stores import full

ADMIN = Person("anna@example.com", "admin", "google")
REVIEW = Person("ben@example.com", "review", "google")


@dataclass
class Present:
    """Who acts; the tests change it."""

    person: Person | None = LOCAL


@pytest.fixture
def present():
    who = Present()
    identify_people_by(lambda: who.person)
    yield who
    identify_people_by(lambda: LOCAL)


@pytest.fixture
def database(store, data_folder, monkeypatch, tmp_path):
    full(store)
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "store.db"))
    return str(tmp_path / "store.db")


def test_accounts_share_a_quota_where_they_share_a_password():
    anna, ben = Person("Anna", "admin", "password"), Person("Ben", "admin", "password")
    assert anna.account == ben.account != Person("Ben", "review", "password").account
    assert ADMIN.account != REVIEW.account


def test_the_rights_of_each_role(present, caplog):
    actions = ("label", "run models", "export", "delete", "change maxims", "manage connections")
    for person, expected in ((LOCAL, actions), (ADMIN, actions), (REVIEW, ("label",)), (None, ())):
        present.person = person
        assert tuple(action for action in actions if allowed(action)) == expected
    with pytest.raises(UsageError, match="your session has ended; reload the page and sign in again"):
        check_right("label")
    present.person = REVIEW
    with pytest.raises(UsageError, match="the role 'review' may not export; ask somebody with the role 'admin'"):
        check_right("export")
    assert caplog.messages == ["refused: ben@example.com (review) may not export"]


def steps(store, database):
    """Each step of the services that needs more than the role review."""
    spec = AnalyzeJob((Path("x.jsonl"),), ("harm",), JudgeSpec())
    return {
        "estimate": lambda: jobs.estimate(database, spec),
        "analyze": lambda: jobs.start_analyze(database, spec),
        "explain": lambda: jobs.start_explain(database, 1, "alpha", 1, "harm", None),
        "themes": lambda: jobs.start_themes(database, 1, None, 0),
        "export": lambda: jobs.start_export(database, 1, "trl-dpo", 0.1, 0.0),
        "retry": lambda: jobs.start_retry(database, 1),
        "redact": lambda: jobs.start_redaction(database, 1),
        "cancel": lambda: jobs.cancel(database, 1),
        "try": lambda: start_try(store, None, 1, {1: "x"}, "harm"),
        "upload": lambda: store_upload("x.jsonl", io.BytesIO(b"{}")),
        "rubric": lambda: save_rubric(rubric_text("harm").replace("id: harm", "id: mine")),
        "map": lambda: save_named_map("calls", "turns=t[*], role=r, content=c"),
    }


@pytest.mark.parametrize("person", [REVIEW, None])
def test_what_only_admins_may_is_refused_in_the_services(present, store, database, person):
    present.person = person
    for name, step in steps(store, database).items():
        with pytest.raises(UsageError, match=r"may not|session has ended") as refused:
            step()
        assert "may not" in str(refused.value) or person is None, name
    judgement, reason = try_rubric(rubric_text("harm"), [Turn("assistant", "x")], "embedded")
    assert judgement is None
    assert "may not run models" in reason or person is None
    assert audit_events(store) == []


def test_admins_leave_a_record(present, store, database):
    present.person = ADMIN
    done = steps(store, database)
    for name in ("upload", "rubric", "map"):
        done[name]()
    expected = [
        ("save map of a log", {"map": "calls"}),
        ("save rubric", {"rubric": "mine"}),
        ("upload", {"file": "x.jsonl", "bytes": 2}),
    ]
    assert [(event.action, event.details) for event in audit_events(store)] == expected
    assert {event.person for event in audit_events(store)} == {"anna@example.com"}
    with pytest.raises(UsageError, match="upload it first"):
        done["analyze"]()  # refused for another reason: no record of what was not done
    assert len(audit_events(store)) == 3


def test_jobs_are_recorded_with_their_number(present, store, database, monkeypatch):
    present.person = ADMIN
    monkeypatch.setattr(jobs, "start_job", lambda *_: 7)
    monkeypatch.setattr(jobs, "check_run_judge", lambda *_: None)
    assert jobs.start_export(database, 1, "trl-dpo", 0.1, 0.0) == 7
    assert jobs.start_themes(database, 2, None, 0) == 7
    newest, oldest = audit_events(store)
    assert (oldest.action, oldest.details) == ("export", {"job": 7, "run": 1})
    assert (newest.action, newest.details) == ("start themes", {"job": 7, "run": 2})


def test_reviewers_label_under_the_name_of_their_sign_in(present, store, database):
    present.person = REVIEW
    run = store.run()
    rubric = next(rubric for rubric in run_rubrics(store, run.id) if rubric.id == "harm")
    desk = labelling.open_desk(store, run, rubric, TrustMark("", "", flags=False), "somebody else", second=False)
    turn = desk.current()
    desk.label(rubric.labels[0].name)
    assert {rating.rater for _, rating in ratings(store)} == {"ben@example.com"}
    desk.undo()
    assert list(ratings(store)) == []
    where = {"conversation": turn.judged.number, "turn": turn.judged.turn, "maxim": "harm"}
    removed, labelled = audit_events(store)
    assert (labelled.person, labelled.action) == ("ben@example.com", "label")
    assert labelled.details == {**where, "label": rubric.labels[0].name}
    assert (removed.action, removed.details) == ("remove label", where)


def test_reviews_and_themes_are_recorded(present, store, database):
    present.person = REVIEW
    with store.engine.connect() as connection:
        contrast = connection.exec_driver_sql("SELECT id FROM contrasts").scalar()
    save_review(store, [contrast], "somebody else", "accept")
    assert themes.rename(store, 999, "Angry") != ""  # there is no such theme: nothing was done
    (event,) = audit_events(store)
    assert (event.action, event.details) == ("review a pair", {"contrasts": [contrast], "decision": "accept"})
    present.person = LOCAL
    save_review(store, [contrast], "Carl", "reject")
    assert audit_events(store)[0].person == system_user()


@pytest.mark.slow
def test_a_reviewer_sees_no_upload(present, page):
    present.person = REVIEW
    found = page("upload")
    assert "Your role reads and labels." in found.info[0].value
    assert len(found.get("file_uploader")) == 0
    present.person = ADMIN
    assert len(page("upload").get("file_uploader")) == 1
