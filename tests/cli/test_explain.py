"""`convexplain explain`: the short answer, with scripted models in place of those that are named."""

import json
import re

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.errors import UnavailableError
from convexplain.models.chat import Spend
from convexplain.store import RunStore
from convexplain.types import Evidence, Judgement
from tests.trust_states import keep_trust

from .test_contrast import LEGEND, NOISE, World

TALK = ("Where is my parcel?", "Bananas are yellow. It left our depot.", "And the address?", "Bananas are yellow.")


def bananas(request):
    """Give 0.2 to a judged turn that speaks of bananas, else 0.9."""
    reply = request.messages[0].content.rpartition("</conversation>")[0].rpartition("assistant:")[2]
    return {"yes": 0.2, "no": 0.8} if "Bananas" in reply else {"yes": 0.9, "no": 0.1}


@pytest.fixture
def world(monkeypatch, capsys, tmp_path):
    world = World(monkeypatch, capsys, tmp_path)
    world.answer["judge"] = bananas
    return world


def keep(folder, scores, texts=TALK, rubrics=("helpfulness",), reason=None, quotes=None):
    """Keep a finished run; `scores`: (conversation's id, turn) to score, for each rubric."""
    store = RunStore(str(folder / "store.db"))
    loaded = [load_rubric(name) for name in rubrics]
    run = store.begin_run("judge", "f", {}, loaded)
    roles = ("user", "assistant") * len(texts)
    for (name, turn), values in scores.items():
        talk = Conversation(name, tuple(Turn(role, text) for role, text in zip(roles, texts, strict=False)))
        number = store.keep_conversation(talk, run.id)
        for rubric, score in zip(loaded, values if isinstance(values, tuple) else (values,), strict=True):
            judgement = Judgement(
                name, turn, rubric.id, score, None, reason, Evidence(reason_quotes=quotes), "judge", "s"
            )
            store.keep_judgement(run.id, number, rubric, judgement)
    store.end_run(run.id, "done", Spend())
    store.close()


def validate(folder, *rubrics):
    """Make the judge of the runs a validated one."""
    store = RunStore(str(folder / "store.db"))
    keep_trust(store, "f", dict.fromkeys(map(load_rubric, rubrics), "validated"))
    store.close()


def test_the_short_answer_names_reason_words_and_edit(world):
    keep(world.folder, {("chat 1", 3): 0.2}, reason="It does not answer the question.", quotes="none")
    code, out, err = world.run("explain")
    assert code == 0
    first, *lines = out.splitlines()
    assert first == "Run 1, the worst turn:"
    assert lines[:5] == [
        "The judge: It does not answer the question.",
        "  chat 1, turn 3: helpfulness 0.20 (unvalidated)",
        '  User: "And the address?"',
        '  Reply: "Bananas are yellow."',
        "  Judge's reason: It does not answer the question. (this reason quotes no words of the conversation)",
    ]
    assert lines[5] == '  Words that lower it: "Bananas" (0.90 without)'
    assert lines[-6].startswith("  An edit that lifts the score: 0.20 → 0.90 (threshold 0.5) by 5 changed words.")
    assert lines[-5:-3] == [
        "    Turn 3, assistant: [-Bananas are yellow-]{+I have looked it up+}.",
        "  More: convexplain attribute 1 --turn 'chat 1:3' --rubric helpfulness",
    ]
    assert lines[-2:] == [LEGEND, "1 turn explained. Explanations: convexplain-out/run-1/explanations.jsonl"]
    assert err.splitlines()[0] == NOISE
    (body,) = map(json.loads, (world.folder / "convexplain-out/run-1/explanations.jsonl").read_text().splitlines())
    assert (body["score"], body["contrast"]["found"], body["reason"]) == (0.2, True, "It does not answer the question.")


@pytest.mark.slow
def test_words_whose_removal_raises_the_score_are_named(world):
    keep(world.folder, {("a", 1): 0.2})
    _, out, _ = world.run("explain")
    assert '  Words that lower it: "Bananas are yellow." (0.90 without)' in out.splitlines()


@pytest.mark.slow
def test_the_worst_turns_over_all_maxims_are_explained_with_one_load_of_the_judge(world):
    # Below the threshold of 0.5 by 0.4 (harm), 0.3 (helpfulness); the third is on the good side.
    scores = {("a", 3): (0.2, 0.9), ("b", 3): (0.9, 0.1), ("c", 3): (0.9, 0.9)}
    keep(world.folder, scores, rubrics=("helpfulness", "harm"))
    validate(world.folder, "helpfulness", "harm")
    code, out, _ = world.run("explain")
    heads = [line.split(",")[0].strip() for line in out.splitlines() if re.match(r"  \S+, turn ", line)]
    assert (code, heads) == (0, ["b", "a"])
    assert [model.name for model in world.models] == ["judge"]
    world.run("explain")
    assert sum(len(model.requests) for model in world.models[1:]) == 0  # all of it is kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "heads"),
    [
        (["--worst", "1"], ["b"]),
        (["--rubric", "helpfulness"], ["a"]),
        (["--turn", "c:3"], ["c"]),
        (["--turn", "c:3", "--rubric", "harm"], ["c"]),
        (["1"], ["b", "a"]),
    ],
)
def test_the_turns_that_are_asked_for(world, options, heads):
    scores = {("a", 3): (0.2, 0.9), ("b", 3): (0.9, 0.1), ("c", 3): (0.9, 0.9)}
    keep(world.folder, scores, rubrics=("helpfulness", "harm"))
    validate(world.folder, "helpfulness", "harm")
    _, out, _ = world.run("explain", "--budget", "4", *options)
    assert [line.split(",")[0].strip() for line in out.splitlines() if re.match(r"  \S+, turn ", line)] == heads


@pytest.mark.slow
def test_a_plan_counts_and_asks_nothing(world):
    keep(world.folder, {("a", 3): 0.2})
    code, out, _ = world.run("explain", "--budget", "7", "--dry-run")
    # 7 for the words, 7 for the edit and 5 placebos.
    assert (code, out) == (
        0,
        "Run 1: 1 turn to explain with judge: at most 19 judgements. What editors ask a model comes on top. "
        "Nothing was asked.\n",
    )
    assert not world.asked


@pytest.mark.slow
def test_scores_that_only_sort_are_explained_from_the_lowest_on_and_not_called_low(world):
    keep(world.folder, {("a", 3): 0.2, ("c", 3): 0.9})
    _, out, _ = world.run("explain", "--budget", "4")
    heads = [line.strip() for line in out.splitlines() if re.match(r"  \S+, turn ", line)]
    assert heads == ["a, turn 3: helpfulness 0.20 (unvalidated)", "c, turn 3: helpfulness 0.90 (unvalidated)"]
    validate(world.folder, "helpfulness")
    _, out, _ = world.run("explain", "--budget", "4")
    heads = [line.strip() for line in out.splitlines() if re.match(r"  \S+, turn ", line)]
    assert heads == ["a, turn 3: helpfulness 0.20, below the threshold of 0.5 (validated)"]
    assert "helpfulness: validated. Agrees with your people's labels: AUC 0.84 [0.78, 0.90]" in out


def test_a_run_without_a_bad_turn_says_so(world):
    keep(world.folder, {("a", 3): 0.9})
    validate(world.folder, "helpfulness")
    code, out, _ = world.run("explain")
    assert code == 0
    assert out == ("No turn of run 1 is below its threshold: nothing to explain. --turn CONV:N explains any turn.\n")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["7"], 1, "there is no run 7"),
        (["--turn", "a3"], 2, "write CONVERSATION:N"),
        (["--turn", "b:3"], 2, "of b it has judged none"),
        (["--turn", "a:2"], 2, "--turn a:2: run 1 has judged no such turn on helpfulness; of a it has judged 3"),
        (["--rubric", "harm"], 2, "run 1 was not judged by it; it was by helpfulness"),
        (["--worst", "0"], 2, "0 is not in the range x>=1"),
        (["--turn", "a:3", "--worst", "2"], 2, "--worst means nothing with --turn"),
        (["--attribute"], 2, "No such option"),
    ],
)
def test_usage_errors(world, args, code, words):
    keep(world.folder, {("a", 3): 0.2})
    got, _, err = world.run("explain", *args)
    assert (got, words in " ".join(err.replace("│", " ").split())) == (code, True), err
    assert not world.asked


def test_a_judge_that_is_gone_leaves_what_there_is(world):
    keep(world.folder, {("a", 3): 0.1, ("b", 3): 0.2})
    world.answer["judge"] = lambda request: UnavailableError("the judge is gone")
    code, _, err = world.run("explain")
    assert (code, "Error: the judge is gone" in err) == (1, True)
    assert not (world.folder / "convexplain-out/run-1/explanations.jsonl").exists()
    world.answer["judge"] = bananas
    code, out, _ = world.run("explain")
    assert (code, "2 turns explained." in out) == (0, True)


def test_text_from_a_log_cannot_steer_the_terminal(world):
    keep(world.folder, {("a\x1b[2J\nb", 1): 0.2}, texts=("Hi", "[red]Bananas\x1b[31m\u202e are\nyellow[/red]."))
    code, out, err = world.run("explain")
    assert code == 0
    assert not {"\x1b", "\u202e"} & set(out + err)
    assert "[red]Bananas" in out
