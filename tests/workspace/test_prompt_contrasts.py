"""A contrast of one prompt, with scripted models."""

import asyncio

import pytest

from convexplain import AsyncWorkspace, Workspace
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.scorers import NLIModel, PreferenceModel
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.judges.scoring import BleuSumm
from convexplain.workspace import MEMORY, PromptCase
from tests.fake_infiller import FakeInfiller

PROMPT = "May I accept a gift?"


def score(x0, y0, pairs):
    return [float(response != y0) for _, response in pairs]


def answer(request):
    (message,) = request.messages
    if message.content.startswith("Below are a prompt and an answer"):
        return "No."
    return "Yes, you may." if "gift" in message.content else "You must not do that."


def test_the_word_that_the_answer_hangs_on(tmp_path):
    model, workspace = ScriptedModel(answer), Workspace(tmp_path / "store.db")
    contrast = workspace.contrast_prompt(PROMPT, score, model, FakeInfiller("bribe?"), baseline=True)
    assert [(edit.before, edit.after) for edit in contrast.result.edits] == [("gift?", "bribe?")]
    assert (contrast.result.response_before, contrast.result.response) == ("Yes, you may.", "You must not do that.")
    assert (contrast.baseline.response, contrast.baseline.score, contrast.unscored) == ("No.", 1.0, 0)
    assert contrast.to_dict()["baseline"] == {"response": "No.", "score": 1.0}
    asked = len(model.requests)
    later = AsyncWorkspace(workspace.store).contrast_prompt(PROMPT, score, model, FakeInfiller("bribe?"), baseline=True)
    assert asyncio.run(later) == contrast
    assert len(model.requests) == asked, "replies are kept in the store"
    workspace.close()


def test_a_memory_keeps_nothing_and_options_reach_the_search():
    workspace = Workspace(MEMORY)
    contrast = workspace.contrast_prompt(
        PROMPT, score, ScriptedModel(answer), FakeInfiller(), delta=2.0, search="few", budget=1, split_k=5
    )
    assert (contrast.result.found, contrast.result.calls, contrast.baseline) == (False, 1, None)


def test_an_answer_that_could_not_be_had_counts_as_unscored():
    model = ScriptedModel(
        lambda request: answer(request) if "accept" in request.messages[0].content else ModelError("no")
    )
    contrast = Workspace(MEMORY).contrast_prompt(PROMPT, score, model, FakeInfiller())
    assert contrast.unscored == contrast.result.failed > 0


@pytest.mark.parametrize(
    ("prompt", "name", "model", "options", "error", "words"),
    [
        (" ", score, ScriptedModel(answer), {}, UsageError, "prompt: it is empty"),
        (PROMPT, "bleu", ScriptedModel(answer), {}, UsageError, "score 'bleu' is not known"),
        (PROMPT, score, ScriptedModel(""), {}, ModelError, "scripted: its answer to the prompt is empty"),
        (PROMPT, score, ScriptedModel(ModelError("oops")), {}, ModelError, "scripted: oops"),
        (PROMPT, score, "gpt", {}, UsageError, "'gpt' is not known"),
        (PROMPT, score, ScriptedModel(answer), {"search": "best"}, UsageError, "search 'best' is not known"),
    ],
)
def test_arguments_that_cannot_be_meant(prompt, name, model, options, error, words):
    with pytest.raises(error, match=words):
        Workspace(MEMORY).contrast_prompt(prompt, name, model, FakeInfiller(), **options)


def no_weights(model, pairs):
    raise UnavailableError("no such weights\nand more")


def compares(request):
    """Answers as `answer`, and sees a contradiction where one of two answers forbids and the other does not."""
    if not request.labels:
        return answer(request)
    pair = request.messages[0].content.rpartition("Now compare these:")[2]
    p = 0.9 if "must not" in pair and "may" in pair else 0.1
    return {"contradiction": p, "neutral": 1 - p}


def test_the_responder_compares_its_answers_where_no_weights_can_be_had(monkeypatch):
    monkeypatch.setattr(NLIModel, "contradiction", no_weights)
    model = ScriptedModel(compares)
    contrast = Workspace(MEMORY).contrast_prompt(PROMPT, "contradiction", model, FakeInfiller("bribe?"))
    assert (contrast.result.found, contrast.result.score) == (True, pytest.approx(0.8))  # 0.9 both ways, less 0.1
    assert contrast.note == (
        "contradiction was scored by scripted, the model that is explained, because the paper's weights cannot be had "
        "here (no such weights). contradiction:chat=MODEL takes another chat model"
    )
    assert contrast.to_dict()["note"] == contrast.note


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("contradiction:chat", 0.8),
        ("contradiction-difference:chat", 0.0),
        ("contradiction:chat=other", 0.8),
    ],
)
def test_a_chat_model_compares_the_answers(monkeypatch, name, score):
    monkeypatch.setattr(NLIModel, "contradiction", no_weights)
    models = {"other": ScriptedModel(compares)}
    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", models.get)
    model = ScriptedModel(compares)
    contrast = Workspace(MEMORY).contrast_prompt(PROMPT, name, model, FakeInfiller("bribe?"), delta=0.7)
    assert (contrast.result.score, contrast.note) == (pytest.approx(score), "")
    assert contrast.result.found == (score > 0.7)
    assert any(request.labels for request in (models["other"] if "=" in name else model).requests)


def test_the_responder_says_which_answer_is_more_helpful():
    """It likes the one that permits: g = ((0.9 − 0.1) + (0.9 − 0.1)) / 2."""

    def prefers(request):
        if not request.labels:
            return answer(request)
        first = request.messages[0].content.rpartition("\nA: ")[2].partition("\nB: ")[0]
        return {"A": (p := 0.9 if "may" in first else 0.1), "B": 1 - p}

    model = ScriptedModel(prefers)
    contrast = Workspace(MEMORY).contrast_prompt(PROMPT, "preference:chat", model, FakeInfiller("bribe?"))
    assert (contrast.result.found, contrast.result.score, contrast.note) == (True, pytest.approx(0.8), "")


LAW = "POLICY: decline presents."


def test_the_baseline_is_asked_with_the_document_and_a_function_of_ones_own_scores_the_bare_prompt():
    seen = []

    def scoring(x0, y0, pairs):
        seen.append((x0, [perturbed for perturbed, _ in pairs]))
        return score(x0, y0, pairs)

    model, case = ScriptedModel(answer), PromptCase(PROMPT, document=LAW)
    Workspace(MEMORY).contrast_prompt(case, scoring, model, FakeInfiller("bribe?"), baseline=True)
    (asked,) = [text for request in model.requests if (text := request.messages[-1].content).startswith("Below")]
    assert f"Prompt:\n{LAW}\n\n{PROMPT}\n\nGiven answer:\nYes, you may." in asked
    assert {x0 for x0, _ in seen} == {PROMPT}
    assert not any(LAW in text for _, perturbed in seen for text in perturbed)


@pytest.mark.parametrize("name", ["preference:chat", "preference"])
def test_a_preference_is_asked_with_the_document(name, monkeypatch):
    posts = set()

    def word_logprobs(model, prompts, words):
        posts.update(prompt.post for prompt in prompts)
        return [[0.0, 0.0] for _ in prompts]

    monkeypatch.setattr(PreferenceModel, "word_logprobs", word_logprobs)
    model = ScriptedModel(lambda request: {"A": 0.5, "B": 0.5} if request.labels else answer(request))
    case = PromptCase(PROMPT, document=LAW)
    Workspace(MEMORY).contrast_prompt(case, name, model, FakeInfiller("bribe?"))
    asked = [request.messages[0].content for request in model.requests if request.labels]
    if name == "preference":
        assert (posts, asked) == ({f"{LAW} {PROMPT}", ""}, [])  # the empty one asks if the weights are there
    else:
        assert asked
        assert all(f"Question: {LAW}\n  \n  {PROMPT}\nA: " in text for text in asked)


def test_bleu_summ_compares_the_bare_prompts():
    case = PromptCase(PROMPT, document=LAW)
    contrast = Workspace(MEMORY).contrast_prompt(case, "bleu-summ", ScriptedModel(answer), FakeInfiller("bribe?"))
    assert contrast.result.text == "May I accept a bribe?"
    answers = BleuSumm(0.0, 0.8)("", "Yes, you may.", [("", "You must not do that.")])[0]
    # "gift?" and "bribe?" are two tokens each for BLEU: 5 of 6, 3 of 5, 2 of 4, 1 of 3
    prompts = (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** (1 / 4)
    assert contrast.result.score == pytest.approx(0.2 * prompts + answers)


@pytest.mark.parametrize("name", ["contradiction", "contradiction:chat"])
def test_a_model_that_is_at_chance_on_labels_compares_nothing(monkeypatch, name):
    monkeypatch.setattr(NLIModel, "contradiction", no_weights)
    model = ScriptedModel(compares)
    model.only_heads = True
    with pytest.raises(
        UsageError, match=r"scripted cannot compare two answers .*Name a chat model: contradiction:chat="
    ):
        Workspace(MEMORY).contrast_prompt(PROMPT, name, model, FakeInfiller("bribe?"))


def test_weights_that_are_there_score(monkeypatch):
    def by_weights(model, pairs):
        return [0.9 if premise != hypothesis else 0.0 for premise, hypothesis in pairs]

    monkeypatch.setattr(NLIModel, "contradiction", by_weights)
    contrast = Workspace(MEMORY).contrast_prompt(PROMPT, "contradiction", ScriptedModel(answer), FakeInfiller("bribe?"))
    assert (contrast.result.found, contrast.result.score, contrast.note) == (True, 0.9, "")
