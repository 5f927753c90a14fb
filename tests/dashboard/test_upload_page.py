"""The page Upload and run: empty, recognised, broken, estimated, running, failed, done."""

import io
import os

import pytest

from convexplain.dashboard.services.uploads import safe_name, store_upload
from convexplain.workspace import JudgeSpec
from convexplain.workspace.job_specs import AnalyzeJob
from convexplain.workspace.jobs import job_state, list_jobs, start_job
from convexplain.workspace.saved_maps import saved_maps

from .conftest import texts
from .test_jobs import Gate, ended, start, wait

pytestmark = pytest.mark.usefixtures("data_folder", "hears_ctrl_c")


@pytest.fixture
def database(tmp_path):
    return str(tmp_path / "store.db")


def upload(found, name, content):
    found.file_uploader[0].upload(name, content)
    found.run()
    assert not found.exception
    return found


def press(found, text):
    next(button for button in found.button if button.label == text).click().run()
    assert not found.exception


def test_without_a_log_it_says_what_to_do(page):
    found = page("upload")
    assert not found.exception
    assert "Drop a log above" in found.info[0].value


@pytest.mark.slow
def test_what_was_recognised_is_shown(page, chats):
    found = upload(page("upload"), "chats.jsonl", chats.read_bytes())
    said = texts(found)
    assert "chats.jsonl: format openai\n" in said
    assert "6 conversations with 24 turns, from the complete file" in said
    assert "A bad one 0." in said


@pytest.mark.slow
def test_a_broken_file_shows_the_readers_message(page):
    found = upload(page("upload"), "x.bin", b"\x00\x01\x02" * 100)
    assert "Problem: is binary (it holds NUL bytes), no text" in texts(found)
    press(found, "Estimate the cost")
    assert next(button for button in found.button if button.label == "Start").disabled


@pytest.mark.slow
def test_personal_data_is_replaced_on_request(page):
    found = upload(page("upload"), "t.csv", b"role,content\nuser,I am ann@shop.example\nassistant,good day\n")
    assert "I am ann@shop.example" in texts(found)
    found.toggle(key="redact").set_value(True).run()
    assert "I am [e-mail 1]" in texts(found)
    assert "ann@shop.example" not in texts(found)


@pytest.mark.slow
def test_columns_of_a_table_are_corrected(page):
    table = b"chat,who,msg\n1,customer,hello\n1,shop,good day\n"
    found = upload(page("upload"), "t.csv", table)
    for part, name in (("id", "chat"), ("role", "who"), ("content", "msg")):
        found.text_input(key=f"map-{part}").set_value(name)
    found.run()
    found.multiselect(key="assistant").set_value(["shop"]).run()
    assert not found.exception
    said = texts(found)
    assert "1 conversations with 2 turns" in said
    assert "good day" in said


@pytest.mark.slow
def test_a_clear_map_is_filled_in(page):
    calls = b'{"call": 7, "log": [{"who": "client", "said": "Where is it?"}, {"who": "bot", "said": "On its way."}]}'
    found = upload(page("upload"), "calls.json", calls)
    fields = {part: found.text_input(key=f"map-{part}").value for part in ("turns", "role", "content", "id", "user")}
    assert fields == {"turns": "log", "role": "who", "content": "said", "id": "call", "user": ""}
    assert "1 conversations with 2 turns" in texts(found)
    found.text_input(key="map-content").set_value("words").run()
    assert "the turn has no 'words'; there are 'who', 'said'" in texts(found)


TICKETS = b"""Betreff;Wer;Vorgang;Gesagt
Paket;Ann;T1;Wo ist mein Paket?
Paket;Mia;T1;Ich sehe gerne nach.
Storno;Bo;T2;Ich will das nicht mehr.
Storno;Mia;T2;Das ist kein Problem.
"""


@pytest.mark.slow
def test_a_doubtful_map_is_decided_by_a_person(page):
    found = upload(page("upload"), "tickets.csv", TICKETS)
    shown = texts(found)
    assert "To decide below: it is not known which of the speakers 'Ann', 'Mia', 'Bo' is the assistant" in shown
    fields = {part: found.text_input(key=f"map-{part}").value for part in ("role", "content", "id")}
    assert fields == {"role": "Wer", "content": "Gesagt", "id": "Vorgang"}
    found.text_input(key="map-assistant").set_value("Mia").run()
    assert not found.exception
    shown = texts(found)
    assert "To decide" not in shown
    assert "2 conversations with 4 turns" in shown
    assert "Ich sehe gerne nach." in shown


@pytest.mark.slow
def test_a_doubtful_map_counts_when_it_is_accepted(page):
    log = b'{"log": [{"who": "user", "said": "Hello there, you."}, {"who": "bot", "said": "Hi."}], "reply": "Bye."}'
    found = upload(page("upload"), "a.json", log)
    assert "To decide below: 1 text under 'reply' would be in no turn" in texts(found)
    found.checkbox(key="map-accepted").check().run()
    assert "To decide" not in texts(found)
    assert "1 conversations with 2 turns" in texts(found)


@pytest.mark.slow
def test_columns_that_cannot_be_meant_are_refused(page):
    found = upload(page("upload"), "t.csv", b"chat,who,msg\n1,user,hello\n")
    found.text_input(key="map-content").set_value("").run()
    assert "it needs content=…, the text" in texts(found)


@pytest.mark.slow
def test_estimate_start_and_done(page, stub, chats, database):
    found = upload(page("upload"), "chats.jsonl", chats.read_bytes())
    assert next(button for button in found.button if button.label == "Start").disabled
    found.selectbox(key="judge").set_value(stub.url)
    found.multiselect(key="rubrics").set_value(["harm"]).run()
    press(found, "Estimate the cost")
    assert {metric.label: metric.value for metric in found.metric} | {"Prompt tokens, about": ""} == {
        "Conversations": "6", "Judgements": "12", "Calls": "12", "Prompt tokens, about": "",
    }  # fmt: skip
    assert stub.prompts == []
    press(found, "Start")
    state = ended(database, 1)
    assert (state.status, state.job.progress["judged"], state.done, state.total) == ("done", 12, 3, 3)
    found = page("upload")  # another page finds it
    assert "✓ done · analyze, run 1" in texts(found)
    assert "12 judgements, 3 of 3 turns explained; 18 calls, 0 from the cache" in texts(found)


@pytest.mark.slow
def test_calibration_and_a_second_judge_can_be_chosen(page, stub, chats, monkeypatch):
    endpoint = f"{stub.url}?model=stub"
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", endpoint)
    found = upload(page("upload"), "chats.jsonl", chats.read_bytes())
    found.selectbox(key="judge").set_value(endpoint)
    found.toggle(key="calibrated").set_value(True)
    found.run()
    found.selectbox(key="escalate").set_value("embedded").run()
    press(found, "Estimate the cost")
    spec, plan = found.session_state["estimate"]
    assert spec.judge == JudgeSpec(endpoint, calibrated=True, escalate=JudgeSpec("embedded"))
    assert plan.calls == 36
    press(found, "Start")
    (state,) = list_jobs(os.environ["CONVEXPLAIN_DB"])
    state = ended(os.environ["CONVEXPLAIN_DB"], state.job.id)
    assert (state.status, stub.prompts) == ("failed", [])
    assert "no calibration of" in state.job.error


@pytest.mark.slow
def test_a_judge_that_is_not_there_is_told_before_anything_starts(page, chats, socket_enabled, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", "http://127.0.0.1:1/v1")
    found = upload(page("upload"), "chats.jsonl", chats.read_bytes())
    found.selectbox(key="judge").set_value("http://127.0.0.1:1/v1").run()
    press(found, "Estimate the cost")
    assert "Problem: http://127.0.0.1:1/v1" in texts(found)
    assert next(button for button in found.button if button.label == "Start").disabled


@pytest.mark.slow
def test_a_running_job_is_cancelled_and_gone_on_with(page, stub, chats, database):
    gate = Gate(stub, 4)
    job = start(stub, chats, database)
    wait(lambda: job_state(database, job).done == 4)
    found = page("upload")
    assert "▶ running · analyze, run 1" in texts(found)
    assert "4 of 12 judgements" in texts(found)
    press(found, "Cancel")
    assert "■ stopped · analyze, run 1" in texts(found)
    assert "“Resume” continues it" in texts(found)
    gate.opened.set()
    press(found, "Resume")
    assert ended(database, job).status == "done"


@pytest.mark.slow
def test_a_job_whose_run_was_deleted_says_so(page, stub, chats, database, store):
    ended(database, start(stub, chats, database))
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM runs")
    assert "or the run was deleted" in texts(page("upload"))


@pytest.mark.slow
def test_a_store_of_a_newer_version_is_named(page, store):
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE convexplain_schema SET version_num = '9999'")
    found = page("upload")
    assert not found.exception
    assert "its schema is 9999" in texts(found)


@pytest.mark.slow
def test_a_file_is_written_and_looked_at_once(page, chats, data_folder):
    found = upload(page("upload"), "chats.jsonl", chats.read_bytes())
    (kept,) = (data_folder / "convexplain" / "uploads").rglob("chats.jsonl")
    kept.unlink()  # nothing needs it again until it is judged
    found.selectbox(key="reasons").set_value("all").run()
    assert "6 conversations with 24 turns" in texts(found)


@pytest.mark.slow
def test_a_failed_job_says_why(page, chats, database):
    job = start_job(database, AnalyzeJob((chats,), ("nonsense",)))
    ended(database, job)
    said = texts(page("upload"))
    assert "✕ failed · analyze, no run yet" in said
    assert "Problem: rubric 'nonsense' is neither a file nor one of" in said


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("chats.jsonl", "chats.jsonl"),
        ("../../etc/passwd", "passwd"),
        ("C:\\logs\\week 12.csv", "week_12.csv"),
        (".bashrc", "bashrc"),
        ("-rf.json", "rf.json"),
        ("<b>\u202e\x00.json", "b_.json"),
        ("...", "log"),
        ("", "log"),
        ("x" * 300 + ".jsonl.gz", "x" * 91 + ".jsonl.gz"),
    ],
)
def test_names_of_files_are_harmless(name, kept):
    assert safe_name(name) == kept


def test_an_upload_is_kept_once_by_its_content(tmp_path):
    folder = tmp_path / "uploads"  # the audit log of uploads lies beside it
    first = store_upload("a.jsonl", io.BytesIO(b"one"), folder)
    os.utime(first, (1, 1))
    again = store_upload("a.jsonl", io.BytesIO(b"one"), folder)
    other = store_upload("a.jsonl", io.BytesIO(b"two"), folder)
    assert (first, first.read_bytes(), other.read_bytes()) == (again, b"one", b"two")
    assert first.stat().st_mtime == 1  # a run of this file would go on
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["a.jsonl", "a.jsonl"]


@pytest.mark.slow
def test_maps_are_saved_listed_and_used(page):
    found = upload(page("upload"), "tickets.csv", TICKETS)
    assert not [box for box in found.selectbox if box.key == "saved-map"]
    found.text_input(key="map-assistant").set_value("Mia")
    found.text_input(key="saved-map-name").set_value("desk").run()
    press(found, "Save")
    assert "Saved as desk." in texts(found)
    assert list(saved_maps()) == ["desk"]
    other = upload(page("upload"), "other.csv", TICKETS.replace(b"Storno;Bo", b"Storno;Jo"))
    assert other.text_input(key="map-assistant").value == ""
    other.selectbox(key="saved-map").set_value("desk").run()
    assert not other.exception
    assert other.text_input(key="map-assistant").value == "Mia"
    assert "2 conversations with 4 turns" in texts(other)


@pytest.mark.slow
def test_a_name_of_a_map_that_is_not_valid_is_refused(page):
    found = upload(page("upload"), "tickets.csv", TICKETS)
    found.text_input(key="saved-map-name").set_value("../desk").run()
    press(found, "Save")
    assert "save-map '../desk' is not valid" in texts(found)
    assert saved_maps() == {}
