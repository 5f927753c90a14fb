"""Thoughts are never the answer: in texts, messages, and log-probabilities."""

import math

import pytest

from convexplain.connectors.models.openai_replies import has_thoughts, read_completion
from convexplain.connectors.models.thoughts import split_message, split_text
from convexplain.models.chat import Message, Request

YES = '{"label": "yes"}'


@pytest.mark.parametrize(
    ("text", "answer", "thoughts"),
    [
        (YES, YES, ""),
        (f" {YES}", f" {YES}", ""),
        (f"<think>\nNo, no.\n</think>\n\n{YES}", YES, "No, no."),
        (f"<think>\n\n</think>\n\n{YES}", YES, ""),  # Qwen3 that was told not to think
        ('<think>It may be {"label": "no"}', "", 'It may be {"label": "no"}'),
        (f"Let me see. no?\n</think>\n{YES}", YES, "Let me see. no?"),
        (f"A</think>B</think>{YES}", YES, "A</think>B"),
        (f"<THINKING>no</THINKING>{YES}", YES, "no"),
        (f"[THINK]no[/THINK]{YES}", YES, "no"),
        (f"<think>a</think><think>b</think>{YES}", YES, "a\nb"),
        (f"Well. <think>no</think>{YES}", f"Well. {YES}", "no"),
        (
            f"<|channel|>analysis<|message|>no<|end|><|start|>assistant<|channel|>final<|message|>{YES}",
            YES,
            "no<|end|><|start|>assistant",
        ),
        (
            '{"reason": "it shows </think> to the user", "label": "no"}',
            '{"reason": "it shows </think> to the user", "label": "no"}',
            "",
        ),
        ("I think so.", "I think so.", ""),
        ("", "", ""),
    ],
)
def test_a_text_is_split(text, answer, thoughts):
    split = split_text(text)
    assert (split.answer, split.thoughts) == (answer, thoughts)


@pytest.mark.parametrize(
    ("message", "answer", "thoughts"),
    [
        ({"content": YES}, YES, ""),
        ({"content": YES, "reasoning_content": "no"}, YES, "no"),
        ({"content": YES, "reasoning": "no"}, YES, "no"),
        ({"content": YES, "thinking": "no"}, YES, "no"),
        ({"content": YES, "reasoning": None, "reasoning_content": ""}, YES, ""),
        ({"content": None, "reasoning_content": 'so {"label": "no"}'}, "", 'so {"label": "no"}'),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "no"}]},
                    {"type": "text", "text": YES},
                ]
            },
            YES,
            "no",
        ),
        ({"content": f"<think>b</think>{YES}", "reasoning": "a"}, YES, "a\nb"),
        ({}, "", ""),
    ],
)
def test_a_message_is_split(message, answer, thoughts):
    split = split_message(message)
    assert (split.answer, split.thoughts) == (answer, thoughts)


REQUEST = Request((Message("user", "?"),), labels=("yes", "no"), opening='{"label": "')


def completion(tokens, probabilities, **message):
    """A completion of these tokens, the labels among them with their probabilities in turn."""
    steps = []
    waiting = list(probabilities)
    for token in tokens:
        alternatives = {token: 1.0}
        if token in ("yes", "no"):
            alternatives = waiting.pop(0)
        steps.append(
            {"token": token, "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in alternatives.items()]}
        )
    full = {"content": "".join(tokens), **message}
    return {"choices": [{"message": full, "finish_reason": "stop", "logprobs": {"content": steps}}]}


THOUGHT = ["<think>", 'so {"label": "', "no", '"}?', "</think>", "\n"]
ANSWER = ['{"label": "', "yes", '"}']
BOTH = [{"no": 0.9, "yes": 0.1}, {"yes": 0.75, "no": 0.25}]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (THOUGHT + ANSWER, {}),
        (THOUGHT[1:] + ANSWER, {}),  # the template has opened the thoughts
        (THOUGHT + ANSWER, {"content": "".join(ANSWER), "reasoning_content": "so"}),  # a parser has split them
        (THOUGHT[1:4] + ANSWER, {"content": "".join(ANSWER), "reasoning": "so"}),  # and left out the marks
        ([*THOUGHT[:4], "</think>\n\n" + ANSWER[0], *ANSWER[1:]], {}),  # one token has the end and the beginning
    ],
)
def test_probabilities_are_read_after_the_thoughts(tokens, message):
    reply = read_completion(completion(tokens, BOTH, **message), REQUEST, 0.0)
    assert reply.text == '{"label": "yes"}'
    assert {name: round(math.exp(p), 6) for name, p in reply.labels.logprobs.items()} == {"yes": 0.75, "no": 0.25}


def test_probabilities_of_thoughts_alone_are_none_of_the_answer():
    data = completion(THOUGHT[1:4], BOTH, content="", reasoning_content="so")
    reply = read_completion(data, REQUEST, 0.0)
    assert (reply.text, reply.labels, reply.logprobs) == ("", None, False)


def choice(content, end="stop", usage=None, **message):
    return {"choices": [{"message": {"content": content, **message}, "finish_reason": end}], "usage": usage}


@pytest.mark.parametrize(
    ("data", "thinks"),
    [
        (choice(YES), False),
        (choice(YES, "length"), False),
        (choice("", "length"), True),
        (choice(None, "length"), True),
        (choice(""), False),
        (choice(YES, reasoning="Well."), True),
        (choice(YES, reasoning=""), False),
        (choice("<think>\n\n</think>\n" + YES), False),
        (choice("<think>Well", "length"), True),
        (choice(YES, usage={"completion_tokens_details": {"reasoning_tokens": 64}}), True),
        (choice(YES, usage={"completion_tokens_details": {"reasoning_tokens": 0}}), False),
        (choice(YES, usage={"completion_tokens_details": None}), False),
    ],
)
def test_thinking_is_seen(data, thinks):
    assert has_thoughts(data) is thinks


@pytest.mark.parametrize(
    ("content", "end", "thinks", "text", "no_answer"),
    [
        ('So, the label is "no". But wait', "length", True, "", "thoughts"),  # the prompt holds the opening mark
        ('So, the label is "no". But wait', "length", False, 'So, the label is "no". But wait', None),
        ('So, the label is "no".', "stop", True, 'So, the label is "no".', None),
        (f"{YES} and then", "length", True, f"{YES} and then", None),
        ('```json\n{"label": "yes', "length", True, '```json\n{"label": "yes', None),
        (f"So. no?</think>{YES} and then", "length", True, f"{YES} and then", None),
    ],
)
def test_a_cut_reply_of_a_thinking_model_is_an_answer_only_where_it_shows_that(content, end, thinks, text, no_answer):
    reply = read_completion(choice(content, end), REQUEST, 0.0, thinks=thinks)
    assert (reply.text, reply.no_answer, reply.truncated) == (text, no_answer, end == "length")


def test_probabilities_of_a_refusal_are_no_label():
    data = completion(ANSWER, BOTH)
    data["choices"][0]["finish_reason"] = "refusal"
    reply = read_completion(data, REQUEST, 0.0)
    assert (reply.labels, reply.no_answer) == (None, "refusal")
