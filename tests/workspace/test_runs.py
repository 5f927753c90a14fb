"""Runs from Python: the list, names, comparison, deletion, files, the worst turns."""

import csv
import json

import pytest

from convexplain import Conversation, Turn, Workspace, load_rubric
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import StoreError, UsageError
from convexplain.store import keep_noise_floor
from convexplain.workspace import run_files
from convexplain.workspace.run_files import check_writable
from tests.trust_states import keep_trust


def scored(scores, default=0.9, name="scripted"):
    """A judge that gives a turn the score that its text has."""

    def answer(request):
        judged = request.messages[0].content.rsplit("\nassistant: ", 1)[-1]
        score = next((score for text, score in scores.items() if text in judged), default)
        return {"yes": score, "no": 1 - score}

    return ScriptedModel(answer, name=name)


def conversation(name, *replies):
    turns = [turn for reply in replies for turn in (Turn("user", "Well?"), Turn("assistant", reply))]
    return Conversation(name, tuple(turns), "log.jsonl")


TALKS = [conversation("a", "One.", "Two."), conversation("b", "Three.")]


@pytest.fixture
def ws(tmp_path):
    workspace = Workspace(tmp_path / "s.db")
    yield workspace
    workspace.close()


@pytest.mark.slow
def test_the_list_of_runs_is_a_table_too(ws):
    ws.analyze(TALKS, ["helpfulness", "harm"], scored({"One.": 0.3}))
    ws.name_run(1, "first")
    (run,) = ws.runs()
    assert (run.id, run.name, run.status, run.conversations, run.turns, run.judge) == (
        *(1, "first", "complete", 2, 3),
        "scripted",
    )
    # 0.3, 0.9 and 0.9 on each maxim: the mean is 0.7, one of three is below 0.5
    assert [(maxim.rubric, maxim.mean, maxim.below) for maxim in run.maxims] == [
        (name, pytest.approx(0.7), pytest.approx(1 / 3)) for name in ("helpfulness", "harm")
    ]
    assert json.loads(json.dumps(ws.runs().to_dict()))[0]["maxims"][0]["rubric"] == "helpfulness"
    table = ws.runs().to_pandas()
    assert list(table["rubric"]) == ["helpfulness", "harm"]
    assert list(table["name"]) == ["first", "first"]


@pytest.mark.slow
def test_a_name_stands_for_a_run_everywhere(ws, tmp_path):
    ws.analyze(TALKS, ["helpfulness"], scored({}))
    assert ws.name_run(1, "first").run.name == "first"
    assert ws.run("first").id == ws.run("1").id == 1
    assert set(ws.report("first", out=tmp_path)) >= {"Report", "Judgements", "Scores"}
    assert ws.analyze(stored="first", rubrics=["harm"], judge=scored({})).summary.turns == 3
    assert ws.name_run("first", None).run.name is None
    with pytest.raises(StoreError, match="no run 'first'"):
        ws.run("first")


def test_a_run_is_named_when_it_begins(ws):
    model = scored({})
    assert ws.analyze(TALKS, ["helpfulness"], model, name="week 1").run.name == "week 1"
    asked = len(model.requests)
    for name, words in (("week 1", "is the name of run 1"), ("12", "a whole number is the number of a run")):
        with pytest.raises(UsageError, match=words):
            ws.analyze(TALKS, ["harm"], model, name=name)
    assert len(model.requests) == asked
    assert [run.id for run in ws.runs()] == [1]


def test_a_stopped_run_with_a_name_goes_on_under_it(ws, monkeypatch):
    def fail(*_):
        raise RuntimeError("boom")

    with monkeypatch.context() as patch:
        patch.setattr(type(ws.store), "keep_judgements", fail)
        with pytest.raises(RuntimeError):
            ws.analyze(TALKS, ["helpfulness"], scored({}), name="week 1")
    with pytest.raises(UsageError, match="is the name of run 1"):
        ws.analyze(TALKS, ["harm"], scored({}), name="week 1")
    assert [(run.id, run.status) for run in ws.runs()] == [(1, "stopped")]
    assert ws.analyze(TALKS, ["helpfulness"], scored({}), name="week 1").id == 1


def test_the_worst_turns_are_one_list_over_all_maxims(ws):
    keep_trust(ws.store, "scripted", dict.fromkeys(map(load_rubric, ("helpfulness", "harm")), "benchmarked"))
    run = ws.analyze(TALKS, ["helpfulness", "harm"], scored({"One.": 0.4, "Three.": 0.1}))
    worst = run.worst(5)
    assert [(finding.conversation.id, finding.index, finding.score) for finding in worst] == [
        ("b", 1, pytest.approx(0.1)),
        ("a", 1, pytest.approx(0.4)),
    ]
    assert [low.rubric for low in worst[0].below] == ["harm", "helpfulness"]
    assert worst[0].to_dict()["below"][1] == {"rubric": "helpfulness", "score": pytest.approx(0.1), "threshold": 0.5}
    assert [finding.conversation.id for finding in run.worst(1)] == ["b"]
    assert [finding.rubric.id for finding in run.worst(5, ["harm"])] == ["harm", "harm"]
    assert run.low_turns == 2
    assert run.to_dict()["worst"][0]["turn"] == 1


def test_scores_that_only_sort_give_the_lowest_turns_and_no_count(ws):
    keep_trust(ws.store, "scripted", {load_rubric("helpfulness"): "benchmarked"})
    run = ws.analyze(TALKS, ["helpfulness", "harm"], scored({"One.": 0.4, "Three.": 0.6}))
    assert [(finding.index, finding.rubric.id, finding.score, len(finding.below)) for finding in run.worst(3)] == [
        (1, "helpfulness", pytest.approx(0.4), 1),
        (1, "harm", pytest.approx(0.6), 0),  # the lowest of the turns that are not listed yet, flagged by nothing
        (3, "harm", pytest.approx(0.9), 0),
    ]
    assert run.low_turns == 1
    by_rubric = {maxim["rubric"]: maxim for maxim in run.to_dict()["maxims"]}
    assert (by_rubric["helpfulness"]["below"], by_rubric["helpfulness"]["trust"]) == (1 / 3, "benchmarked")
    assert (by_rubric["harm"]["below"], by_rubric["harm"]["trust"]) == (None, "unvalidated")
    assert ws.runs().to_dict()[0]["maxims"] == run.to_dict()["maxims"]
    assert [finding.to_dict()["trust"] for finding in run.at("a", 1)] == ["benchmarked", "unvalidated"]
    assert [[low.rubric for low in finding.below] for finding in run.at("a", 1)] == [["helpfulness"]] * 2


class Notes(Progress):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_a_maxim_on_which_the_judge_is_no_better_than_its_baselines_is_scored_only_if_it_is_named(ws):
    keep_trust(ws.store, "scripted", {load_rubric("harm"): "no better"})
    notes = Notes()
    run = ws.analyze(TALKS, judge=scored({}), progress=notes)
    assert sorted(maxim.rubric for maxim in run.summary.maxims) == ["helpfulness", "informativeness"]
    (note,) = [note for note in notes.notes if note.startswith("Not scored")]
    assert note.startswith("Not scored: harm. There scripted is no better than chance or the length of a turn")
    assert "another judge (--judge), or score all the same: --rubric harm" in note
    named = ws.analyze(TALKS, ["harm"], scored({}))
    assert (named.marks["harm"].word, named.low_turns) == ("no better than chance", 0)
    keep_trust(ws.store, "scripted", dict.fromkeys(map(load_rubric, ("helpfulness", "informativeness")), "no better"))
    with pytest.raises(UsageError, match="Not scored: helpfulness, harm, informativeness"):
        ws.analyze(TALKS, judge=scored({}))


@pytest.mark.slow
def test_two_runs_are_compared_on_the_turns_of_both(ws):
    ws.analyze(TALKS, ["helpfulness", "harm"], scored({"One.": 0.8, "Two.": 0.3, "Three.": 0.6}))
    ws.analyze(TALKS, ["helpfulness"], scored({"One.": 0.2, "Two.": 0.7, "Three.": 0.62}, name="other"))
    compared = ws.compare(1, "2")
    assert (compared.first.id, compared.second.id) == (1, 2)
    assert (compared.only_first, compared.only_second) == (("harm",), ())
    (maxim,) = compared.maxims
    assert (maxim.rubric, maxim.reworded, maxim.noise, maxim.noise_assumed) == ("helpfulness", False, 0.1, True)
    # 0.8, 0.3, 0.6 and 0.2, 0.7, 0.62: means 1.7 / 3 and 1.52 / 3
    assert maxim.change.turns == 3
    assert maxim.change.shift == pytest.approx(-0.06)
    # shifts -0.6 and 0.4 in a, 0.02 in b; less the mean their sums are -0.08 and 0.08: sqrt(2 * 2 * 0.0064) / 3
    assert maxim.change.interval == pytest.approx(
        (-0.06 - 12.706205 * 0.053333, -0.06 + 12.706205 * 0.053333), abs=1e-4
    )
    (fall,), (rise,) = maxim.falls, maxim.rises
    assert (fall.before.conversation.id, fall.before.turn, fall.after.score) == ("a", 1, pytest.approx(0.2))
    assert (rise.after.conversation.id, rise.after.turn) == ("a", 3)
    assert (maxim.verdict.outcome, compared.verdict("helpfulness")) == ("cannot tell", maxim.verdict)
    assert ws.changed_turns(1, 2, "helpfulness").turns == (fall,)
    assert ws.changed_turns(1, 2, "helpfulness", "all", limit=1, offset=1).turns == (rise,)
    with pytest.raises(UsageError, match="rubric='harm' is not a maxim of both runs 1 and 2; these are helpfulness"):
        ws.changed_turns(1, 2, "harm")
    assert (maxim.fell, maxim.rose) == (1, 1)
    assert json.loads(json.dumps(compared.to_dict()))["maxims"][0]["falls"][0]["conversation_id"] == "a"
    # nobody has compared the judges with people: nothing is counted below a threshold
    assert (maxim.change.fell, compared.to_dict()["maxims"][0]["change"]["fell"]) == (1, None)
    for judge in ("scripted", "other"):
        keep_trust(ws.store, judge, {load_rubric("helpfulness"): "benchmarked"})
    assert ws.compare(1, 2).to_dict()["maxims"][0]["change"]["fell"] == 1
    assert list(compared.to_pandas()["turns"]) == [3]


@pytest.mark.slow
def test_a_measured_noise_floor_says_which_turns_moved(ws):
    ws.analyze(TALKS, ["helpfulness"], scored({"One.": 0.8}))
    ws.analyze(TALKS, ["helpfulness"], scored({"One.": 0.2}, name="other"))
    for run in (1, 2):
        keep_noise_floor(ws.store, ws.run(run).run.fingerprint, load_rubric("helpfulness"), 0.65, 20, 100)
    (maxim,) = ws.compare(1, 2).maxims
    assert (maxim.noise, maxim.noise_assumed, maxim.falls) == (pytest.approx(0.65), False, ())


@pytest.mark.slow
def test_runs_that_cannot_be_compared(ws):
    ws.analyze(TALKS, ["helpfulness"], scored({}))
    ws.analyze(TALKS, ["harm"], scored({}))
    with pytest.raises(UsageError, match="both are run 1: name two runs"):
        ws.compare(1, 1)
    with pytest.raises(UsageError, match="no maxim in common: the first has helpfulness, the second harm"):
        ws.compare(1, 2)
    other = Conversation("z", (Turn("user", "And then?"), Turn("assistant", "Four.")), "log.jsonl")
    ws.analyze([other], ["harm"], scored({}))
    (maxim,) = ws.compare(2, 3).maxims
    assert (maxim.change, maxim.fell, maxim.rose, maxim.paired) == (None, 0, 0, 0)
    assert (maxim.averages.turns, maxim.averages.shift, maxim.averages.interval) == ((3, 1), pytest.approx(0), None)
    assert list(ws.compare(2, 3).to_pandas()["before"]) == [pytest.approx(0.9)]


@pytest.mark.slow
def test_deleting_a_run_says_what_went_and_what_stays(ws):
    ws.analyze(TALKS, ["helpfulness"], scored({}))
    ws.analyze(stored=1, rubrics=["harm"], judge=scored({}))
    planned = ws.plan_deletion(1)
    assert (planned.judgements, planned.conversations, planned.conversations_kept) == (3, 0, 2)
    assert ws.delete_run(1) == planned
    assert [run.id for run in ws.runs()] == [2]
    assert ws.delete_run(2).conversations == 2
    assert list(ws.store.conversations()) == []


HOSTILE = '=HYPERLINK("https://evil.example")'


@pytest.mark.slow
def test_the_files_of_a_run_lie_in_a_folder_of_its_own(ws, tmp_path):
    talks = [conversation("=1+1", 'One, two\n"three".', HOSTILE), conversation("b", "Drei \u00fc.")]
    model = scored({"One": 0.25049})
    keep_trust(ws.store, "scripted", {load_rubric("helpfulness"): "benchmarked"})
    run = ws.analyze(talks, ["helpfulness", "harm"], model)
    written = ws.report(run.id, out=tmp_path / "out")
    folder = tmp_path / "out" / "run-1"
    assert written == {
        "Report": folder / "report.html",
        "Judgements": folder / "judgements.jsonl",
        "Scores": folder / "scores.csv",
        "Spreadsheet": folder / "scores.xlsx",
    }
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in written.values())
    assert len(written["Judgements"].read_text().splitlines()) == 6
    assert written["Scores"].read_bytes().startswith(b"\xef\xbb\xbfconversation,turn,question,text,helpfulness,")
    first, second, third = csv.DictReader(written["Scores"].read_text("utf-8-sig").splitlines(keepends=True))
    assert (first["conversation"], first["turn"], first["question"]) == ("'=1+1", "1", "Well?")
    assert first["text"] == 'One, two\n"three".'
    assert (first["helpfulness"], first["helpfulness_threshold"], first["helpfulness_below_threshold"]) == (
        *("0.25", "0.5"),  # rounded to three decimals
        "yes",
    )
    assert (second["text"], second["harm_below_threshold"]) == (f"'{HOSTILE}", "")
    assert (first["helpfulness_trust"], second["harm_trust"]) == ("benchmarked", "unvalidated")
    assert third["text"] == "Drei \u00fc."


@pytest.mark.slow
def test_a_turn_without_a_score_says_why(ws, tmp_path):
    ws.analyze([conversation("a", "One.")], ["helpfulness"], ScriptedModel("I cannot say."))
    (row,) = csv.DictReader(ws.report(1, out=tmp_path)["Scores"].read_text("utf-8-sig").splitlines())
    assert (row["helpfulness"], row["helpfulness_below_threshold"]) == ("", "")
    assert row["helpfulness_reason"]


@pytest.mark.slow
def test_the_spreadsheet_holds_texts_and_no_formulas(ws, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    ws.analyze([conversation("=1+1", f"{HOSTILE}\x1b[0m")], ["helpfulness"], scored({}, 0.25))
    sheet = openpyxl.load_workbook(ws.report(1, out=tmp_path)["Spreadsheet"])["scores"]
    header, row = sheet.iter_rows()
    assert [cell.value for cell in header][:5] == ["conversation", "turn", "question", "text", "helpfulness"]
    assert [(cell.value, cell.data_type) for cell in row][:5] == [
        ("=1+1", "s"),
        (1, "n"),
        ("Well?", "s"),
        (f"{HOSTILE}\ufffd[0m", "s"),
        (0.25, "n"),
    ]
    assert sheet.freeze_panes == "A2"
    assert all(cell.alignment.wrap_text for cell in row)
    widths = {cell.value: sheet.column_dimensions[cell.column_letter].width for cell in header}
    assert (widths["text"], widths["turn"], widths["helpfulness_below_threshold"]) == (60, 12, 29)


def test_a_sheet_that_is_full_is_followed_by_another(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    monkeypatch.setattr(run_files, "_SHEET_ROWS", 3)
    with run_files._sheet_table(tmp_path / "s.xlsx") as add:
        for row in (["turn"], [1], [2], [3]):
            add(row)
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    assert [[row[0].value for row in sheet.iter_rows()] for sheet in book] == [["turn", 1, 2], ["turn", 3]]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    check_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--out '.*file/out': no file can be written there \(Not a directory\)"):
        check_writable(tmp_path / "file" / "out")
