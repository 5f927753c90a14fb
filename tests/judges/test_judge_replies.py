"""Replies of judges as servers send them: each gives the right label, or the reason why there is none.

`helpfulness` has the labels yes (1) and no (0), and the threshold 0.5.
"""

import json
import math
import re

import httpx2
import pytest

from convexplain import judge
from convexplain.connectors.models import OpenAICompatible
from convexplain.errors import UnavailableError

URL = "http://127.0.0.1:9/v1?model=m"
YES, NO = '{"label": "yes"}', '{"label": "no"}'
SORRY = "I'm sorry, but I can't assist with that."
REFUSED = "the judge refused to answer"
FILTERED = "the provider's content filter stopped the judge's reply before its label"
CUT = "the judge's reply was cut after 24 tokens, before its label"
THOUGHTS = "the judge's reply holds thoughts only, and no label after them"
EMPTY = "http://127.0.0.1:9/v1: the reply is empty"
TWO = "the judge's reply gives more than one label: yes and no"
FOREIGN = "the judge's reply gives a label that is none of the rubric's (yes, no)"
UNREAD = "no label could be read from the judge's reply"
UNSURE = "too much of the answer fell on no label to tell on which side of the threshold the score lies"
PROBABLE, SAMPLED = "label_probability", "samples"


def steps(text, at=None, alternatives=()):
    """Return log-probabilities of a text's tokens: 1 each, but for the token `at`, whose alternatives are given."""
    content = []
    for token in re.findall(r"\w+|\W+", text):
        tops = alternatives if token == at else {token: 0.0}
        content.append({"token": token, "top_logprobs": [{"token": t, "logprob": p} for t, p in dict(tops).items()]})
    return {"content": content}


def logs(**shares):
    return {token: math.log(share) for token, share in shares.items()}


def completion(content, finish="stop", *, logprobs=None, usage=None, **message):
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"choices": [choice | {"logprobs": logprobs}], "usage": usage or {"completion_tokens": 24}}


def probable(text, at="yes", finish="stop", *, shares=None, **message):
    """Return a completion with log-probabilities: 0.8 for `at`, 0.2 for the other label, where none are given."""
    shares = shares or logs(**{at: 0.8, "no" if at.lower() == "yes" else "yes": 0.2})
    return completion(text, finish, logprobs=steps(text, at, shares), **message)


def judged(talk, rubric, *answers):
    """Judge the last turn with a server that gives the answers in turn, the last one for good."""
    sent = []

    def handle(request):
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "m"}]})
        sent.append(json.loads(request.content))
        answer = answers[min(len(sent), len(answers)) - 1]
        if isinstance(answer, httpx2.Response):
            return answer
        return httpx2.Response(200, text=json.dumps(answer))  # NaN and infinities as servers in Python write them

    (judgement,) = judge(
        talk, rubric, OpenAICompatible(URL, transport=httpx2.MockTransport(handle)), turns="last", reasons="none"
    )
    return judgement


def without(position, logprobs):
    """Return log-probabilities of a reply without those of one of its tokens."""
    logprobs["content"][position]["top_logprobs"] = []
    return logprobs


SCORED = {
    # kind: answer, score, label, how it was measured
    "the form asked for": (probable(YES), 0.8, "yes", PROBABLE),
    "without log-probabilities": (completion(NO), 0.0, "no", SAMPLED),
    "white space and lines": (probable('\n{\n  "label": "no"\n}\n', "no"), 0.2, "no", PROBABLE),
    "fenced JSON": (probable(f"```json\n{NO}\n```", "no"), 0.2, "no", PROBABLE),
    "prose before fenced JSON": (completion(f"Here is my judgement:\n```json\n{YES}\n```"), 1.0, "yes", SAMPLED),
    "another order of keys": (completion('{"reason": "No answer is given.", "label": "no"}'), 0.0, "no", SAMPLED),
    "another key after it": (completion('{"label": "yes", "reason": "no error"}'), 1.0, "yes", SAMPLED),
    "single quotation marks": (completion("{'label': 'no'}"), 0.0, "no", SAMPLED),
    "capitals": (probable('{"label": "YES"}', "YES"), 0.8, "yes", PROBABLE),
    "asterisks in JSON": (completion('{"label": "**yes**"}'), 1.0, "yes", SAMPLED),
    "a bare label": (probable("Yes", "Yes"), 0.8, "yes", PROBABLE),
    "a bold label and why": (probable("**No**, because it is about fruit.", "No"), 0.2, "no", PROBABLE),
    "a quoted label": (completion('"yes"'), 1.0, "yes", SAMPLED),
    "a label in words": (completion("The label is no."), 0.0, "no", SAMPLED),
    "a second object that agrees": (completion(f"{NO}\n{NO}"), 0.0, "no", SAMPLED),
    "sorry, and then the form": (completion(f"Sorry for the delay. {NO}"), 0.0, "no", SAMPLED),
    "cut after the label": (probable('{"label": "yes", "reason": "The', finish="length"), 0.8, "yes", PROBABLE),
    "filtered after it": (completion('{"label": "no", "reason": "The user', "content_filter"), 0.0, "no", SAMPLED),
    "thoughts before it": (completion(f"<think>It says yes.</think>\n{NO}"), 0.0, "no", SAMPLED),
    "probable thoughts before it": (probable(f"<think>Surely {YES}?</think>\n{NO}", "no"), 0.2, "no", PROBABLE),
    "thoughts that the template began": (completion(f"It says yes.</think>{NO}"), 0.0, "no", SAMPLED),
    "thoughts in a field": (completion(NO, reasoning_content=f"Perhaps {YES}"), 0.0, "no", SAMPLED),
    "content in parts": (completion([{"type": "text", "text": YES}]), 1.0, "yes", SAMPLED),
    "a tool call beside the label": (completion(YES, "tool_calls", tool_calls=[{"id": "1"}]), 1.0, "yes", SAMPLED),
    "-inf for the second label": (probable(YES, shares={"yes": 0.0, "no": -math.inf}), 1.0, "yes", PROBABLE),
    "-9999 for the second label": (probable(YES, shares={"yes": 0.0, "no": -9999.0}), 1.0, "yes", PROBABLE),
    "rounded above 0": (probable(YES, shares={"yes": 0.001, "no": -50.0}), 1.0, "yes", PROBABLE),
    "NaN": (probable(YES, shares={"yes": math.nan, "no": math.nan}), 1.0, "yes", SAMPLED),
    "far above 0": (probable(YES, shares={"yes": 3.0, "no": 5.0}), 1.0, "yes", SAMPLED),
    "null for log-probabilities": (probable(YES, shares={"yes": None, "no": None}), 1.0, "yes", SAMPLED),
    # tokens: {" label ": " yes "}
    "none at the first token": (
        completion(YES, logprobs=without(0, steps(YES, "yes", logs(yes=0.8, no=0.2)))),
        0.8,
        "yes",
        PROBABLE,
    ),
    "none at the label": (completion(YES, logprobs=without(3, steps(YES))), 1.0, "yes", SAMPLED),
    "those of other words": (completion(YES, logprobs=steps(NO, "no", logs(no=0.9))), 1.0, "yes", SAMPLED),
    "those of the thoughts alone": (
        completion(f"<think>Hm.</think>{YES}", logprobs=steps("<think>Hm.")),
        1.0,
        "yes",
        SAMPLED,
    ),
}


@pytest.mark.parametrize(("answer", "score", "label", "kind"), SCORED.values(), ids=SCORED)
def test_the_label_of_a_reply_is_its_score(talk, helpfulness, answer, score, label, kind):
    judgement = judged(talk, helpfulness, answer)
    assert (judgement.score, judgement.label, judgement.evidence.kind) == (pytest.approx(score), label, kind)
    assert judgement.evidence.notes == ()


def error(status, message, **fields):
    return httpx2.Response(status, json={"error": {"message": message, **fields}})


UNSCORED = {
    # kind: answer, reason
    "refusal field": (completion(None, refusal=SORRY), REFUSED),
    "refusal field beside a label": (completion(YES, refusal=SORRY), REFUSED),
    "refusal as a part": (completion([{"type": "refusal", "refusal": SORRY}]), REFUSED),
    "refusal as the end": (completion("", "refusal"), REFUSED),
    "refusal in prose": (completion(SORRY), REFUSED),
    "refusal in prose with log-probabilities": (completion(SORRY, logprobs=steps(SORRY)), REFUSED),
    "refusal in prose, cut": (completion(SORRY[:-6], "length"), REFUSED),
    "refusal that begins like a label": (completion("No, I can't help with that."), REFUSED),
    "refusal in German": (completion("Es tut mir leid, dabei kann ich nicht helfen."), REFUSED),
    "filter": (completion(None, "content_filter"), FILTERED),
    "filter within the reply": (completion('{"lab', "content_filter"), FILTERED),
    "filter of a choice without a message": ({"choices": [{"finish_reason": "content_filter"}]}, FILTERED),
    "filter of Google": (completion("", "SAFETY"), FILTERED),
    "cut in the form": (completion('{"', "length"), CUT),
    "cut in the label": (completion('{"label": "y', "length"), CUT),
    "cut in prose": (completion("The response under evaluation is a sentence about", "length"), CUT),
    "cut, tokens not counted": (
        completion("The response", "length", usage={"total_tokens": 9}),
        "the judge's reply was cut, before its label",
    ),
    "thoughts without an end": (
        completion(f"<think>Let me see. {YES}", "length"),
        "the judge was still thinking when its reply was cut after 24 tokens",
    ),
    "thoughts alone": (completion(None, reasoning_content=f"I think {YES}"), THOUGHTS),
    "empty": (completion(""), EMPTY),
    "white space": (completion(" \n\t"), EMPTY),
    "null": (completion(None), EMPTY),
    "no parts": (completion([]), EMPTY),
    "a tool call": (
        completion(None, "tool_calls", tool_calls=[{"id": "1", "function": {"name": "answer", "arguments": YES}}]),
        "the judge called a tool and gave no label",
    ),
    "a label in a sentence": (completion("I would say yes, because it is polite.", logprobs=steps("I")), UNREAD),
    "a label as a part of a sentence": (completion("No idea"), UNREAD),
    "prose": (completion("The assistant speaks of bananas."), UNREAD),
    "a label within a longer word": (completion('{"label": "nothing"}'), FOREIGN),
    "a longer word whose token is a label": (
        probable('{"label": "no-one"}', "no", shares=logs(no=0.9, yes=0.1)),
        FOREIGN,
    ),
    "another label": (completion('{"label": "perhaps"}'), FOREIGN),
    "null for a label": (completion('{"label": null}'), FOREIGN),
    "a probable answer and another": (probable(f"{YES} No, wait: {NO}", shares=logs(yes=0.9, no=0.1)), TWO),
    "yes and no": (completion("Yes and no."), TWO),
    "the form copied": (completion('{"label": "yes|no"}'), TWO),
    "two labels in two forms": (completion("Yes. The label is no."), TWO),
    "no probability for a label": (
        probable(YES, shares={"yes": -math.inf, "no": -math.inf}),
        "no label has any probability in the judge's reply",
    ),
    "much that is no label": (probable(YES, shares=logs(yes=0.45, no=0.3, maybe=0.25)), UNSURE),
    "filter of the prompt, Azure": (
        error(400, "The prompt triggered Azure OpenAI's content management policy.", code="content_filter"),
        "the provider's content filter refused the prompt: http://127.0.0.1:9/v1: HTTP 400: "
        "The prompt triggered Azure OpenAI's content management policy.",
    ),
    "filter of the prompt, OpenRouter": (
        error(403, "Your chosen model requires moderation and your input was flagged", code=403),
        "the provider's content filter refused the prompt: http://127.0.0.1:9/v1: HTTP 403: "
        "Your chosen model requires moderation and your input was flagged",
    ),
    "an error in HTTP 200": (
        {"error": {"message": "Provider returned error", "code": 422}},
        "http://127.0.0.1:9/v1: HTTP 200 with error 422: Provider returned error",
    ),
    "a number of the request": (
        error(418, "Internal trouble, request 0d2f8d6e-7c1b-4b1e-9a55-0123456789ab (req_0123456789abcdef)"),
        "http://127.0.0.1:9/v1: HTTP 418: Internal trouble, request … (…)",
    ),
    "HTML": (
        httpx2.Response(200, text="<html>Please log in</html>"),
        "http://127.0.0.1:9/v1: the answer is no chat completion: it is a web page (HTML); is the URL right? "
        "It usually ends in /v1",
    ),
    "no JSON": (
        httpx2.Response(200, text="yes"),
        "http://127.0.0.1:9/v1: the answer is no chat completion: it is not JSON",
    ),
    "nothing": (httpx2.Response(200, text=""), "http://127.0.0.1:9/v1: the answer is no chat completion: it is empty"),
    "no choices": (
        {"choices": []},
        "http://127.0.0.1:9/v1: the answer is no chat completion: it is JSON, but holds no choice with a message",
    ),
}


@pytest.mark.parametrize(("answer", "reason"), UNSCORED.values(), ids=UNSCORED)
def test_a_reply_without_a_label_says_why(talk, helpfulness, answer, reason):
    judgement = judged(talk, helpfulness, answer)
    assert (judgement.score, judgement.label, judgement.reason) == (None, None, reason)


def test_the_words_of_a_refusal_are_in_a_note(talk, helpfulness):
    judgement = judged(talk, helpfulness, completion(None, refusal=SORRY))
    assert judgement.evidence.notes == (f'the judge refused with the words "{SORRY}"',)
    assert judgement.evidence.raw == SORRY
    long = judged(talk, helpfulness, completion("I cannot " + "word " * 99))
    assert len(long.evidence.notes[0]) < 250
    assert long.evidence.notes[0].endswith('…"')


def test_refusals_in_different_words_are_one_reason(talk, helpfulness):
    words = (SORRY, "As an AI, I do not judge people.", "I must decline this request.")
    assert {judged(talk, helpfulness, completion(text)).reason for text in words} == {REFUSED}


def test_a_cut_reply_that_quotes_a_refusal_is_no_refusal(talk, helpfulness):
    quoting = completion('The assistant answers "I cannot help with that", which', "length")
    assert judged(talk, helpfulness, quoting).reason == CUT


def test_a_reply_whose_probabilities_say_another_label_is_scored_by_them_with_a_note(talk, helpfulness):
    # "yes" is the most probable token, the two ways to write "no" are more probable together: 0.4 to 0.35 + 0.25
    answer = probable(YES, shares={"yes": math.log(0.4), "no": math.log(0.35), "No": math.log(0.25)})
    judgement = judged(talk, helpfulness, answer)
    assert (judgement.score, judgement.label) == (pytest.approx(0.4), "no")
    assert judgement.evidence.notes == (
        "the reply says yes, but its probabilities say no: the score follows the probabilities",
    )


def test_a_refusal_at_first_does_not_decide_how_a_judge_measures(talk, helpfulness):
    """The first reply is a refusal without log-probabilities; the second turn's has them, and is scored by them."""
    answers = iter([completion(None, refusal=SORRY), probable(YES)])

    def handle(request):
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "m"}]})
        return httpx2.Response(200, json=next(answers))

    first, second = judge(talk, helpfulness, OpenAICompatible(URL, transport=httpx2.MockTransport(handle)))
    assert {first.reason, second.reason} == {REFUSED, None}
    assert {first.evidence.kind, second.evidence.kind} == {None, PROBABLE}


def test_refusals_among_draws_are_counted_and_named(talk, helpfulness):
    # The first reply shows that there are no log-probabilities; then 4 of 5 draws say yes: between 0.8 and 1.
    judgement = judged(talk, helpfulness, *[completion(YES)] * 5, completion(None, refusal=SORRY))
    assert (judgement.score, judgement.evidence.n, judgement.evidence.off_label) == (1.0, 4, pytest.approx(0.2))
    assert judgement.evidence.notes == (
        "20% of the answer fell on no label",
        "1 of 5 draws have no label: the judge refused to answer",
        f'the judge refused with the words "{SORRY}"',
    )


def test_draws_without_a_label_are_named_by_their_reasons(talk, helpfulness):
    # 1 of 5 draws says yes: between 0.2 and 1, so that the side of the threshold is open.
    draws = [completion(YES), completion(SORRY), completion(SORRY), completion(""), completion("Hm.")]
    judgement = judged(talk, helpfulness, completion(YES), *draws)
    assert (judgement.score, judgement.reason) == (None, UNSURE)
    assert judgement.evidence.notes == (
        "80% of the answer fell on no label: the score lies between 0.20 and 1.00",
        "4 of 5 draws have no label: the judge refused to answer (2); "
        "no label could be read from the judge's reply (2)",  # the empty one was asked again
        f'the judge refused with the words "{SORRY}"',
    )


def test_a_turn_none_of_whose_draws_has_a_label_has_their_most_frequent_reason(talk, helpfulness):
    draws = [completion(SORRY), completion(""), completion(SORRY), completion("Hm."), completion(SORRY)]
    judgement = judged(talk, helpfulness, completion(YES), *draws)
    assert (judgement.score, judgement.reason, judgement.evidence.n) == (None, REFUSED, 0)


def test_an_error_in_http_200_that_passes_is_asked_again(talk, helpfulness):
    passing = {"choices": [{"error": {"code": 502, "message": "Upstream error"}, "message": {"content": ""}}]}
    assert judged(talk, helpfulness, passing, probable(YES)).score == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(429, "You exceeded your current quota.", code="insufficient_quota"), "paid for"),
        (error(402, "Insufficient credits"), "paid for"),
        ({"error": {"message": "Insufficient credits", "code": 402}}, "paid for"),
        (error(401, "Incorrect API key provided"), "HTTP 401"),
    ],
)
def test_what_no_turn_can_be_judged_without_ends_the_run_at_once(talk, helpfulness, answer, words):
    with pytest.raises(UnavailableError, match=words):
        judged(talk, helpfulness, answer)


def test_a_reply_of_another_model_ends_the_run(talk, helpfulness):
    answers = (completion(YES) | {"model": "m-1"}, completion(YES) | {"model": "m-2"})
    with pytest.raises(UnavailableError, match="answers as 'm-2' now; before, it was 'm-1'"):
        judged(talk, helpfulness, *answers)
