"""A chat model that chooses among labels, scripted."""

import asyncio
import logging
import math

import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError
from convexplain.judges.label_choice import LabelChoice
from convexplain.models.calls import Calls
from convexplain.models.chat import LabelLogprobs, Reply

LABELS = ("red", "green", "blue")


def choose(model, prompts, **options):

    async def run():
        async with Calls(model) as calls:
            choice = LabelChoice(calls, **options)
            return await asyncio.to_thread(choice.probabilities, prompts, LABELS)

    return asyncio.run(run())


def test_label_probabilities_are_normalised_to_the_labels():
    model = ScriptedModel({"red": 0.3, "green": 0.1})  # 0.6 on no label: 0.3/0.4, 0.1/0.4, 0
    chosen = choose(model, ["Which?", "And this?"])
    assert chosen == [pytest.approx({"red": 0.75, "green": 0.25, "blue": 0.0})] * 2
    assert len(model.requests) == 2
    assert model.requests[0].messages[0].content == (
        'Which?\nAnswer with JSON only, {"label": "red"} or {"label": "green"} or {"label": "blue"}.'
    )


def test_a_model_without_probabilities_is_sampled():
    drawn = iter(["red", "blue", "red", "none of them", "red"])

    def answer(request):
        return f'{{"label": "{next(drawn) if not request.labels else "red"}"}}'

    model = ScriptedModel(answer, logprobs=False)
    chosen = choose(model, ["Which?"])
    assert chosen == [pytest.approx({"red": 0.75, "green": 0.0, "blue": 0.25})]  # of four that are labels
    assert [(request.labels, request.draw) for request in model.requests[1:]] == [((), draw) for draw in range(5)]


def test_the_first_reply_decides_how_all_are_asked():
    model = ScriptedModel('{"label": "green"}', logprobs=False)
    chosen = choose(model, [f"Which, {i}?" for i in range(4)], samples=3)
    assert chosen == [{"red": 0.0, "green": 1.0, "blue": 0.0}] * 4
    assert sum(bool(request.labels) for request in model.requests) == 1  # asked once in vain
    assert len(model.requests) == 1 + 4 * 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ModelError("oops"), "oops"),
        (Reply("", logprobs=True), "the judge's reply is empty"),
        ("I cannot help with that.", "the judge refused to answer"),
        (Reply("", LabelLogprobs({"red": -math.inf}), logprobs=True), "no label has any probability in the reply"),
    ],
)
def test_where_no_label_is_chosen_there_is_no_probability(answer, words, caplog):
    with caplog.at_level(logging.WARNING):
        assert choose(ScriptedModel(answer), ["Which?"]) == [None]
    assert f"scripted: 1 of 1 questions have no answer: {words}" in caplog.text


def test_the_warning_has_the_reason_of_these_questions_and_not_of_earlier_ones(caplog):
    replies = iter([ModelError("oops"), Reply("", LabelLogprobs({"red": -math.inf}), logprobs=True)])

    async def run():
        async with Calls(ScriptedModel(lambda request: next(replies)), patience=0) as calls:
            choice = LabelChoice(calls)
            for prompt in ("Which?", "And this?"):
                assert await asyncio.to_thread(choice.probabilities, [prompt], LABELS) == [None]

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "1 of 1 questions have no answer: oops",
        "1 of 1 questions have no answer: no label has any probability in the reply",
    ]


def test_a_model_that_is_gone_ends_everything():
    with pytest.raises(UnavailableError, match="gone"):
        choose(ScriptedModel(UnavailableError("gone")), ["Which?"])


def test_nothing_is_asked_about_nothing():
    model = ScriptedModel({"red": 1.0})
    assert choose(model, []) == []
    assert model.requests == []
