"""Files of prompts, and what came of many prompts, with scripted models."""

import csv
import json

import pytest

from convexplain import Workspace
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UsageError
from convexplain.workspace import MEMORY, PromptCase
from convexplain.workspace.prompt_files import read_prompts
from tests.fake_infiller import FakeInfiller


def file(folder, *lines, name="prompts.jsonl"):
    path = folder / name
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def test_one_prompt_a_line(tmp_path):
    contents = read_prompts(file(tmp_path, "May I?", "", "  Must I? ", name="p.txt"), "Be kind.", "The law.")
    assert contents.cases == [
        PromptCase("May I?", "1", "Be kind.", "The law."),
        PromptCase("Must I?", "3", "Be kind.", "The law."),
    ]
    assert (contents.problems, contents.unused) == ([], [])


def test_objects_with_what_is_their_own(tmp_path):
    lines = [
        {"prompt": "May I take a gift?", "id": 7, "editable": "a gift", "topic": "gifts"},
        {"prompt": "Must I?", "system": "Be strict.", "document": None},
    ]
    contents = read_prompts(file(tmp_path, *lines), "Be kind.", "The law.")
    assert contents.cases == [
        PromptCase("May I take a gift?", "7", "Be kind.", "The law.", "a gift"),
        PromptCase("Must I?", "2", "Be strict.", "The law."),
    ]
    assert contents.unused == ["topic"]


def test_the_id_of_a_line_is_none_that_another_prompt_has(tmp_path):
    lines = [{"prompt": "a", "id": 3}, {"prompt": "b"}, {"prompt": "c"}, {"prompt": "d", "id": "2"}]
    lines += [{"prompt": "e"}, {"prompt": "f", "id": "line 5"}, {"prompt": "g", "id": "5"}]
    contents = read_prompts(file(tmp_path, *lines))
    assert [case.id for case in contents.cases] == ["3", "line 2", "line 3", "2", "line line 5", "line 5", "5"]
    assert contents.problems == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "it is no JSON (Expecting property name enclosed in double quotes)"),
        ("[1]", "it is a JSON list; valid is an object with the key prompt"),
        ({"text": "May I?"}, "it has no key prompt; its keys are: text"),
        ({"prompt": " "}, "prompt: it is empty; a prompt has at least one word"),
        ({"prompt": None}, "prompt: it is empty; a prompt has at least one word"),
        ({"prompt": 3}, "prompt is a int; it has to be a text"),
        ({"prompt": "a", "id": ["x"]}, "id is a list; it has to be a text"),
        ({"prompt": "a b", "editable": "c"}, "editable='c' is not in the prompt; it has to be a text that occurs once"),
        ({"prompt": "a b a", "editable": "a"}, "editable='a' is 2 times in the prompt; it has to be a text that"),
        ({"prompt": "b", "id": "first"}, "the id 'first' is that of an earlier prompt; ids have to differ"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path, line, reason):
    path = file(tmp_path, {"prompt": "a", "id": "first"}, line, {"prompt": "c"})
    contents = read_prompts(path)
    assert [case.id for case in contents.cases] == ["first", "3"]
    (problem,) = contents.problems
    assert (str(problem.path), problem.line) == (str(path), 2)
    assert reason in str(problem)


def test_files_that_hold_nothing(tmp_path):
    with pytest.raises(UsageError, match="the file is empty"):
        read_prompts(file(tmp_path, " ", ""))
    with pytest.raises(UsageError, match="cannot be read"):
        read_prompts(tmp_path / "none.txt")


# ---- contrasts of many prompts


@pytest.fixture(autouse=True)
def no_weights(monkeypatch, request):
    """No embedding is loaded, except where a test is about it."""

    async def none():
        return None

    if "slow" not in request.keywords:
        monkeypatch.setattr("convexplain.workspace.methods.prompts.prompt_embedding", none)


@pytest.mark.slow
def test_content_preservation_is_by_the_embedded_model():
    prompts = ["May I accept a gift?", "Another gift please"]
    contrasts = Workspace(MEMORY).contrast_prompts(prompts, score, ScriptedModel(answer), FakeInfiller("bribe"))
    preservation = contrasts.table.content_preservation
    assert preservation.n == 2
    assert 0.5 < preservation.value < 1


def score(x0, y0, pairs):
    return [float(response != y0) for _, response in pairs]


def answer(request):
    """Forbids what is no gift; answers nothing about parcels."""
    text = request.messages[-1].content
    if "parcel" in text:
        return ModelError("no idea")
    return "Yes, you may." if "gift" in text else "You must not do that."


class Shown(Progress):
    def __init__(self):
        self.shown = []

    def begin(self, task, total=None):
        self.shown.append((task, total))

    def doing(self, item):
        self.shown.append(item)

    def problem(self, problem):
        self.shown.append(problem.line)

    def note(self, text):
        self.shown.append(text)


def test_each_prompt_is_a_row_and_the_table_measures_them(tmp_path):
    """Of four prompts two have a contrast, by one edit of five and of three words; one is not answered."""
    lines = [
        {"prompt": "May I accept a gift?", "id": "gift"},
        {"prompt": "Where is the parcel?", "id": "parcel"},
        {"prompt": "May I not?", "id": "none", "x": 1},
        "{",
        {"prompt": "Another gift please", "id": "more"},
    ]
    progress, seen = Shown(), []
    contrasts = Workspace(MEMORY).contrast_prompts(
        file(tmp_path, *lines), score, ScriptedModel(answer), FakeInfiller("bribe"), progress=progress,
        on_result=lambda row: seen.append(row.case.id),
    )  # fmt: skip
    assert progress.shown == [4, "keys of the file that are not used: x", ("explaining", 4), *seen]
    assert seen == ["gift", "parcel", "none", "more"]
    assert [row.error for row in contrasts.rows] == ["", "scripted: no idea", "", ""]
    assert [row.contrast and row.contrast.result.found for row in contrasts.rows] == [True, None, False, True]
    table = contrasts.table
    assert (table.flip_rate.value, table.flip_rate.n) == (pytest.approx(2 / 3), 3)
    assert (table.edit_rate.value, table.edit_rate.n) == (pytest.approx((1 / 5 + 1 / 3) / 2), 2)
    assert table.calls.n == 3
    assert contrasts.failed
    assert contrasts.to_dict()["table"]["flip_rate"]["n"] == 3
    assert list(contrasts.to_pandas()["id"]) == seen
    paths = contrasts.write(tmp_path / "out")
    bodies = [json.loads(line) for line in paths[0].read_text().splitlines()]
    assert [(body["id"], body["error"]) for body in bodies] == [
        ("gift", ""), ("parcel", "scripted: no idea"), ("none", ""), ("more", ""),
    ]  # fmt: skip
    rows = list(csv.DictReader(paths[1].read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["id"], row["found"], row["edited"]) for row in rows] == [
        ("gift", "True", "May I accept a bribe"), ("parcel", "", ""), ("none", "False", ""),
        ("more", "True", "Another bribe please"),
    ]  # fmt: skip


def test_only_the_editable_part_is_edited_and_the_rest_is_sent_along():
    prompt = "Dear bot, may I accept a gift? Tell me, a gift."
    case = PromptCase(prompt, "1", "Be strict.", "The law of gifts.", "may I accept a gift?")
    model = ScriptedModel(lambda request: "Yes." if "accept" in request.messages[-1].content else "No.")
    for split_k, olds in (
        (1, {"may", "I", "accept", "a", "gift?"}),
        (2, {"may I", "accept a", "gift?"}),
        (9, {"may I accept a gift?"}),
    ):
        filler = FakeInfiller("bribe")
        contrast = Workspace(MEMORY).contrast_prompt(case, score, model, filler, split_k=split_k)
        assert {hole.old for hole in filler.asked} == olds
        assert contrast.result.found
        assert contrast.result.text.startswith("Dear bot, ")
        assert contrast.result.text.endswith(" Tell me, a gift.")
    for request in model.requests:
        system, message = request.messages
        assert (system.role, system.content) == ("system", "Be strict.")
        assert message.content.startswith("The law of gifts.\n\nDear bot, ")
        assert message.content.endswith(" Tell me, a gift.")


@pytest.mark.parametrize("editable", ["gifts", "a"])
def test_an_editable_part_occurs_once(editable):
    with pytest.raises(UsageError, match="it has to be a text that occurs once there"):
        PromptCase("May I accept a gift and a cake?", editable=editable)


def test_prompts_without_an_id_get_one_that_no_case_has():
    prompts = [PromptCase("May I not?", "2"), "May I accept a gift?"]
    contrasts = Workspace(MEMORY).contrast_prompts(prompts, score, ScriptedModel(answer), FakeInfiller("bribe"))
    assert [row.case.id for row in contrasts.rows] == ["2", "line 2"]


def test_the_same_call_goes_on_where_it_stopped(tmp_path):
    model, workspace = ScriptedModel(answer), Workspace(tmp_path / "store.db")
    prompts = ["May I accept a gift?", "Another gift please"]
    first = workspace.contrast_prompts(prompts, score, model, FakeInfiller("bribe"))
    asked = len(model.requests)
    assert workspace.contrast_prompts(prompts, score, model, FakeInfiller("bribe")).rows == first.rows
    assert len(model.requests) == asked
    workspace.close()


@pytest.mark.parametrize(
    ("editable", "olds", "before", "after"),
    [
        ("May I", {"May", "I"}, "", " accept a gift - now?"),
        ("gift - now?", {"gift", "now?"}, "May I accept a ", ""),
        (" a gift", {"a", "gift"}, "May I accept", " - now?"),
        ("May I accept a gift - now?", {"May", "I", "accept", "a", "gift", "now?"}, "", ""),
        ("-", set(), "May I accept a gift -", " now?"),
    ],
)
def test_the_editable_part_may_stand_anywhere(editable, olds, before, after):
    filler = FakeInfiller("bribe")
    case = PromptCase("May I accept a gift - now?", editable=editable)
    result = Workspace(MEMORY).contrast_prompt(case, score, ScriptedModel(answer), filler, split_k=1, delta=2.0).result
    assert {hole.old for hole in filler.asked} == olds
    assert result.text.startswith(before)
    assert result.text.endswith(after)
    if not olds:
        assert (result.stopped, result.text) == ("nothing to edit", case.prompt)


# ---- favourability


def compares(request):
    """Finds the longer answer more helpful: 0.9 in either place, and A by 0.1 more where it is the first."""
    pair = request.messages[0].content.rpartition("Now compare these:")[2]
    first, second = (pair.partition(f"{name}: ")[2].partition("\n")[0] for name in ("A", "B"))
    a = 0.5 if len(first) == len(second) else 0.9 if len(first) > len(second) else 0.3
    return {"A": a, "B": 1 - a}


def outright(request):
    """Answers as `answer`, and No. where it is asked for a worse answer."""
    return "No." if "people would like less" in request.messages[-1].content else answer(request)


@pytest.mark.parametrize(
    ("baseline", "leads"),
    [
        # "Yes, you may." is shorter than "You must not do that.": as A it leads by 0.3 - 0.7, as B by 0.1 - 0.9.
        (False, {"first": -0.6}),
        (True, {"first": -0.6, "baseline": -0.6}),
    ],
)
def test_a_judge_compares_the_answers_with_the_contrasts(baseline, leads):
    judge = ScriptedModel(compares, name="judge")
    prompts = ["May I accept a gift?", "May I not?"]
    contrasts = Workspace(MEMORY).contrast_prompts(
        prompts, score, ScriptedModel(outright), FakeInfiller("bribe"), baseline=baseline, judge=judge
    )
    with_contrast, without = (row.contrast for row in contrasts.rows)
    assert without.comparison is None  # there is no contrast to compare with
    comparison = with_contrast.comparison
    assert comparison.judge == "judge"
    assert comparison.first == pytest.approx(leads["first"])
    assert comparison.baseline == (pytest.approx(leads["baseline"]) if baseline else None)
    assert {name: each.lead.value for name, each in contrasts.favourability.items()} == pytest.approx(leads)
    assert [(each.wins, each.ties, each.losses) for each in contrasts.favourability.values()] == [(0, 0, 1)] * len(
        leads
    )
    assert contrasts.to_dict()["favourability"]["first"]["losses"] == 1
    assert len(judge.requests) == 2 * len(leads)
    assert contrasts.to_dict()["rows"][0]["contrast"]["comparison"]["judge"] == "judge"


def test_without_a_judge_nothing_is_compared():
    contrasts = Workspace(MEMORY).contrast_prompts(
        ["May I accept a gift?"], score, ScriptedModel(outright), FakeInfiller("bribe"), baseline=True
    )
    assert contrasts.rows[0].contrast.comparison is None
    assert contrasts.favourability == contrasts.to_dict()["favourability"] == {}


def test_a_judge_that_cannot_compare_is_refused():
    with pytest.raises(UsageError, match=r"judge: embedded cannot compare two answers .* Name a chat model$"):
        Workspace(MEMORY).contrast_prompt(
            "May I accept a gift?", score, ScriptedModel(answer), FakeInfiller("bribe"), judge=only_heads()
        )


def only_heads():
    model = ScriptedModel(answer, name="embedded")
    model.only_heads = True
    return model
