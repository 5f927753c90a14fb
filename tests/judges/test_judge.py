import asyncio
import math

import pytest

from convexplain import Conversation, Rubric, Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, TooLongError, UnavailableError
from convexplain.judges import SAMPLES, Judge
from convexplain.judges.reasons import ReasonedJudge, Reasons
from convexplain.models.calls import Calls
from convexplain.models.chat import LabelLogprobs, Reply
from convexplain.parts import Reasoning, Text
from convexplain.types import Example, Label

THREE = Rubric(
    "three",
    "Three",
    "test",
    "The response should be good.",
    (Label("good", 1.0, "g"), Label("fair", 0.5, "f"), Label("bad", 0.0, "b")),
    (Example("good", (Turn("user", "a"), Turn("assistant", "b"))), Example("bad", (Turn("assistant", "c"),))),
    0.5,
)


def judge(model, talk, rubric, turn=1, reasons="none", **options):
    async def go():
        async with Calls(model, patience=0) as calls:
            scorer = Judge(calls, **options)
            return await ReasonedJudge(scorer, Reasons(scorer, reasons)).judge_turn(talk, turn, rubric)

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("probabilities", "score", "label"),
    [
        ({"good": 0.5, "fair": 0.3, "bad": 0.2}, 0.65, "good"),  # 0.5·1 + 0.3·0.5 + 0.2·0
        ({"good": 1.0}, 1.0, "good"),
        ({"bad": 1.0}, 0.0, "bad"),
        ({"good": 0.48, "fair": 0.1, "bad": 0.4}, 0.53 / 0.98, "good"),  # 2 % on no label: renormalised
    ],
)
def test_a_score_is_the_expected_value_over_the_labels(talk, probabilities, score, label):
    found = judge(ScriptedModel(probabilities), talk, THREE)
    assert found.score == pytest.approx(score)
    assert found.label == label
    assert found.evidence.kind == "label_probability"
    assert sum(found.evidence.probabilities.values()) == pytest.approx(1)
    assert (found.conversation_id, found.turn, found.rubric, found.model) == ("late-parcel", 1, "three", "scripted")


def test_mass_on_no_label_that_cannot_change_the_side_is_noted(talk, helpfulness):
    found = judge(ScriptedModel({"yes": 0.8, "no": 0.05}), talk, helpfulness)
    assert found.score == pytest.approx(0.8 / 0.85)
    assert found.evidence.off_label == pytest.approx(0.15)
    assert found.evidence.notes == ("15% of the answer fell on no label",)


def test_mass_on_no_label_that_could_change_the_side_leaves_the_turn_unscored(talk, helpfulness):
    found = judge(ScriptedModel({"yes": 0.45, "no": 0.3}), talk, helpfulness)  # between 0.45 and 0.70
    assert found.score is None
    assert found.label is None
    assert found.reason.startswith("too much of the answer fell on no label")
    assert found.evidence.notes == ("25% of the answer fell on no label: the score lies between 0.45 and 0.70",)


@pytest.mark.parametrize(("yes", "scored"), [(0.97, True), (0.48, False)])
def test_a_label_outside_the_top_k_is_named(talk, helpfulness, yes, scored):
    reply = Reply("x", LabelLogprobs({"yes": math.log(yes)}, bound=0.03), logprobs=True)
    found = judge(ScriptedModel(reply), talk, helpfulness)
    assert found.evidence.unseen == ("no",)
    assert (found.score is not None) == scored


def test_a_reply_without_label_is_unscored_with_the_raw_reply(talk, helpfulness):
    found = judge(ScriptedModel("I would rather not say."), talk, helpfulness)
    assert found.score is None
    assert found.reason == "the judge refused to answer"
    assert found.evidence.notes == ('the judge refused with the words "I would rather not say."',)
    assert found.evidence.raw == "I would rather not say."


def test_a_failed_call_is_unscored_with_the_raw_reply(talk, helpfulness):
    found = judge(ScriptedModel(ModelError("HTTP 418", raw="<h1>teapot</h1>")), talk, helpfulness)
    assert (found.score, found.reason, found.evidence.raw) == (None, "HTTP 418", "<h1>teapot</h1>")


def test_a_model_that_is_gone_is_an_error(talk, helpfulness):
    with pytest.raises(UnavailableError, match="gone"):
        judge(ScriptedModel(UnavailableError("gone")), talk, helpfulness)


def draws(*texts):
    return ScriptedModel(lambda request: texts[request.draw % len(texts)], logprobs=False)


def test_without_log_probabilities_samples_are_averaged(talk, helpfulness):
    model = draws('{"label": "yes"}', '{"label": "no"}', '{"label": "yes"}', '{"label": "yes"}', '{"label": "yes"}')
    found = judge(model, talk, helpfulness)
    assert found.score == pytest.approx(0.8)
    assert (found.evidence.kind, found.evidence.n) == ("samples", 5)
    assert found.evidence.spread == pytest.approx(math.sqrt(0.2))  # 4·0.2² + 0.8² = 0.8, over n − 1 = 4
    sampled = model.requests[1:]  # the first asked for probabilities
    assert len(sampled) == SAMPLES
    assert {request.draw for request in sampled} == set(range(SAMPLES))
    assert all(request.temperature == 1.0 for request in sampled)
    assert len({request.messages[0].content for request in sampled}) > 1  # examples shuffled
    assert model.requests[0].temperature == 0.0


def test_draws_that_cannot_be_read_are_missing_and_not_zero(talk, helpfulness):
    found = judge(draws('{"label": "yes"}', "hm", "hm"), talk, helpfulness, samples=10)
    assert found.score is None  # 4 of 10 yes, 6 unread: anything between 0.4 and 1
    assert found.evidence.raw == "hm"


def test_few_unread_draws_do_not_matter_where_they_cannot_change_the_side(talk, helpfulness):
    texts = ['{"label": "yes"}'] * 9 + ["hm"]
    found = judge(draws(*texts), talk, helpfulness, samples=10)
    assert found.score == 1.0
    assert (found.evidence.n, found.evidence.off_label) == (9, pytest.approx(0.1))


def test_probabilities_and_samples_are_never_mixed(talk, helpfulness):
    replies = iter([Reply("x", LabelLogprobs({"yes": 0.0}), logprobs=True), Reply("yes", logprobs=False)])
    model = ScriptedModel(lambda request: next(replies))

    async def go():
        async with Calls(model) as calls:
            one = Judge(calls)
            return [await one.judge_turn(talk, turn, helpfulness) for turn in (1, 3)]

    first, second = asyncio.run(go())
    assert first.score == 1.0
    assert second.score is None
    assert "gave no usable log-probabilities for this reply, though it did for others" in second.reason


def test_the_first_reply_settles_how_all_are_measured(talk, helpfulness):
    """Three judgements at once on a model without log-probabilities: one finds out, and none is measured otherwise."""
    model = ScriptedModel({"yes": 0.8, "no": 0.2}, logprobs=False, seconds=0.001)

    async def go():
        async with Calls(model) as calls:
            one = Judge(calls)
            return await asyncio.gather(*(one.judge_turn(talk, turn, helpfulness) for turn in (1, 3, 1)))

    assert [found.evidence.kind for found in asyncio.run(go())] == ["samples"] * 3
    assert sum(request.labels != () for request in model.requests) == 1


@pytest.mark.slow
def test_an_endpoint_in_trouble_is_not_asked_one_by_one(helpfulness):
    talk = Conversation("c", tuple(Turn("assistant", f"a{i}") for i in range(9)))
    # Long enough that all calls are open before the first one is answered, however slow the machine is.
    model = ScriptedModel(ModelError("HTTP 418"), seconds=0.2, in_flight=8)

    async def go():
        async with Calls(model) as calls:
            one = Judge(calls)
            return await asyncio.gather(*(one.judge_turn(talk, turn, helpfulness) for turn in range(9)))

    assert [found.reason for found in asyncio.run(go())] == ["HTTP 418"] * 9
    assert model.most_open == 8  # one alone, then the others together


def test_an_empty_first_reply_settles_nothing(talk, helpfulness):
    replies = iter([Reply(""), Reply("x", LabelLogprobs({"yes": 0.0}), logprobs=True)])
    model = ScriptedModel(lambda request: next(replies))

    async def go():
        async with Calls(model) as calls:
            one = Judge(calls)
            return [await one.judge_turn(talk, turn, helpfulness) for turn in (1, 3)]

    first, second = asyncio.run(go())
    assert (first.score, second.score, second.evidence.kind) == (None, 1.0, "label_probability")


def test_draws_that_failed_are_noted(talk, helpfulness):
    def answer(request):
        return ModelError("HTTP 418") if request.draw == 1 else '{"label": "yes"}'

    found = judge(ScriptedModel(answer, logprobs=False), talk, helpfulness, samples=3)
    assert (found.score, found.evidence.n, found.evidence.notes) == (1.0, 2, ("1 of 3 draws failed: HTTP 418",))


def test_a_model_that_goes_away_between_draws_is_an_error(talk, helpfulness):
    errors = {0: ModelError("no"), 1: UnavailableError("gone")}
    model = ScriptedModel(lambda request: errors.get(request.draw, '{"label": "yes"}'), logprobs=False)
    with pytest.raises(UnavailableError, match="gone"):
        judge(model, talk, helpfulness, samples=3)


def test_a_reason_that_cannot_be_had_is_noted_and_the_score_stands(talk, helpfulness):
    model = ScriptedModel(lambda request: {"yes": 1.0} if request.labels else ModelError("HTTP 500"))
    found = judge(model, talk, helpfulness, reasons="all")
    assert (found.score, found.reason, found.evidence.notes) == (1.0, None, ("no explanation: HTTP 500",))


def test_no_more_turns_than_needed_are_left_out(helpfulness):
    turns = (*(Turn("user", "w " * 9) for _ in range(40)), Turn("assistant", "a"))
    model = ScriptedModel({"yes": 1.0}, window=700)  # a turn is 10 words with its role
    found = judge(model, Conversation("c", turns), helpfulness, turn=40)
    words = len(model.requests[0].messages[0].content.split())
    assert found.evidence.left_out > 0
    assert 700 - 24 - 64 - 2 * 10 - 8 < words <= 700 - 24 - 64 + 8  # 8: the note on what is left out, and rounding


def test_a_model_that_goes_away_before_its_reason_is_an_error(talk, helpfulness):
    model = ScriptedModel(lambda request: {"yes": 1.0} if request.labels else UnavailableError("gone"))
    with pytest.raises(UnavailableError, match="gone"):
        judge(model, talk, helpfulness, reasons="all")


def test_a_reason_in_words_is_asked_for_on_request(talk, helpfulness):
    def answer(request):
        return {"yes": 0.2, "no": 0.8} if request.labels else '{"label": "no", "explanation": "It says \\"bananas\\"."}'

    model = ScriptedModel(answer)
    found = judge(model, talk, helpfulness, turn=3, reasons="all")
    assert found.reason == 'It says "bananas".'
    assert len(model.requests) == 2
    assert '"no"' in model.requests[1].messages[0].content.splitlines()[-1]


def test_the_oldest_turns_are_left_out_when_the_window_is_small(helpfulness):
    talk = Conversation(
        "c", (Turn("user", "long " * 300), Turn("assistant", "short"), Turn("user", "?"), Turn("assistant", "!"))
    )
    model = ScriptedModel({"yes": 1.0}, window=500)  # counted in words
    found = judge(model, talk, helpfulness, turn=3)
    prompt = model.requests[0].messages[0].content
    assert found.evidence.left_out == 1
    assert "long" not in prompt
    assert "(1 earlier turns are not shown)" in prompt


def test_a_server_that_finds_the_prompt_too_long_gets_fewer_turns(helpfulness):
    talk = Conversation("c", (*(Turn("user", f"u{i}") for i in range(7)), Turn("assistant", "a")))

    def answer(request):
        return (
            {"yes": 1.0}
            if "u6" in request.messages[0].content and "u3" not in request.messages[0].content
            else TooLongError("too long")
        )

    found = judge(ScriptedModel(answer), talk, helpfulness, turn=7)
    assert (found.score, found.evidence.left_out) == (1.0, 4)


def test_a_turn_that_does_not_fit_alone_is_unscored(helpfulness):
    talk = Conversation("c", (Turn("user", "u"), Turn("assistant", "a")))
    found = judge(ScriptedModel(TooLongError("9000 tokens, window 4096")), talk, helpfulness)
    reason = "the turn does not fit into the model's window, even without the turns before it"
    assert (found.score, found.reason, found.evidence.left_out) == (None, reason, 1)
    assert found.evidence.notes == ("9000 tokens, window 4096",)


def test_the_prompt_is_one_user_message_with_the_judged_turn_last(talk, helpfulness):
    model = ScriptedModel({"yes": 1.0})
    judge(model, talk, helpfulness, turn=1)
    (message,) = model.requests[0].messages
    assert message.role == "user"
    assert (
        "assistant: It left our depot on Monday and arrives tomorrow.\n</conversation>\nAnswer with JSON only"
        in message.content
    )
    assert "Bananas" not in message.content
    assert model.requests[0].labels == ("yes", "no")


def test_later_turns_share_their_beginning_with_earlier_ones(talk, helpfulness):
    model = ScriptedModel({"yes": 1.0})
    judge(model, talk, helpfulness, turn=1)
    judge(model, talk, helpfulness, turn=3)
    first, second = (request.messages[0].content for request in model.requests)
    shared = first[: first.rindex("</conversation>")]
    assert second.startswith(shared)


def test_measured_again_other_samples_are_drawn(talk, helpfulness):
    model = ScriptedModel(lambda request: '{"label": "yes"}' if request.draw < 3 else '{"label": "no"}', logprobs=False)

    async def go():
        async with Calls(model) as calls:
            one = Judge(calls, samples=3)
            return [await one.judge_turn(talk, 1, helpfulness, again) for again in (0, 1, 2, 1)]

    assert [found.score for found in asyncio.run(go())] == [1.0, 0.0, 0.0, 0.0]
    # Three draws each time, none of them twice; the second "again" of the same number is known.
    assert sorted(request.draw for request in model.requests) == [0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_measured_again_probabilities_are_the_same(talk, helpfulness):
    model = ScriptedModel({"yes": 0.8, "no": 0.2})

    async def go():
        async with Calls(model) as calls:
            one = Judge(calls)
            return [await one.judge_turn(talk, 1, helpfulness, again) for again in (0, 1)]

    first, second = asyncio.run(go())
    assert first == second
    assert len(model.requests) == 1


THINKING = Conversation(
    "c",
    (Turn("user", "When?"), Turn.of_parts("assistant", [Reasoning("say <|im_end|>\nhush"), Text("Soon.")])),
)


def test_a_judge_sees_no_reasoning(helpfulness):
    model = ScriptedModel({"yes": 1.0})
    judge(model, THINKING, helpfulness, reasons="all")
    prompts = [request.messages[0].content for request in model.requests]
    assert len(prompts) == 2
    assert all("assistant: Soon." in prompt and "hush" not in prompt for prompt in prompts)


def test_a_judge_sees_reasoning_on_request_marked_and_fenced(helpfulness):
    model = ScriptedModel({"yes": 1.0})
    judge(model, THINKING, helpfulness, reasons="all", reasoning=True)
    shown = (
        "user: When?\n(reasoning before the next turn, which is no part of it: say ‹¦im_end¦›\n  hush)\n"
        "assistant: Soon.\n</conversation>"
    )
    assert [shown in request.messages[0].content for request in model.requests] == [True, True]


def test_without_reasoning_in_the_log_the_prompt_is_the_same(talk, helpfulness):
    plain, shown = (judge(ScriptedModel({"yes": 1.0}), talk, helpfulness, reasoning=on) for on in (False, True))
    assert plain.prompt_sha == shown.prompt_sha
