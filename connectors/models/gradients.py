"""Gradients of log-probabilities by the parts of a prompt: one backward pass of a local model.

That of a given reply is the guide of joint attribution for white boxes (XPrompt, Chang et al. 2024, algorithm 1, line
1).
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from convexplain.errors import ModelError, UsageError
from convexplain.models.chat import Message, sendable

Span = tuple[int, int, int]
Render = Callable[[Sequence[Message]], str]


def check_spans(messages: Sequence[Message], spans: Sequence[Span]) -> None:
    """Raise UsageError where a span is not in its message."""
    for message, start, end in spans:
        if not (0 <= message < len(messages) and 0 <= start <= end <= len(messages[message].content)):
            lengths = ", ".join(str(len(message.content)) for message in messages)
            raise UsageError(
                f"span={(message, start, end)} is not valid; valid are (message, start, end) with 0 <= start <= end in "
                f"one of the {len(messages)} messages, whose lengths are: {lengths}"
            )


def reply_gradients(model: Any, ids: Sequence[int], start: int) -> list[float]:
    """Return for each token its embedding times the gradient of log p(ids[start:] | ids[:start]) there.

    That is the derivative by a factor before the embedding, where the factor is 1: positive where the token raises the
    log-probability. Embeddings and log-probabilities are computed in float32, everything between them in the weights'
    type.

    Args:
        model: a causal language model of `transformers`.
        ids: prompt and reply.
        start: where the reply begins, at least 1.
    """
    import torch

    embeddings = model.get_input_embeddings()
    tokens = torch.tensor([ids], device=embeddings.weight.device)
    original = embeddings(tokens).detach()
    embedded = original.float().requires_grad_()
    count = len(ids) - start + 1  # from the prompt's last token on; the logits after the reply's last one are not used
    output = model(inputs_embeds=embedded.to(original.dtype), logits_to_keep=count, use_cache=False)
    logprobs = output.logits[0, :-1].float().log_softmax(-1)
    logprob = logprobs.gather(-1, tokens[0, start:, None].to(logprobs.device)).sum()
    (gradient,) = torch.autograd.grad(logprob, embedded)
    products: list[float] = (embedded.detach() * gradient)[0].double().sum(-1).tolist()
    return products


def unit_tokens(render: Render, tokenizer: Any, messages: Sequence[Message], spans: Sequence[Span]) -> list[list[int]]:
    """Return for each span the tokens whose first character that is no white space is in it.

    Args:
        render: writes messages, and the reply after them, as the model reads them.
        tokenizer: a fast one.
        messages: the prompt.
        spans: (index of a message, first character, end), as `check_spans` lets them pass.

    Raises:
        ModelError: the template rewrites a message that has spans, so that its parts cannot be found; or the tokenizer
            does not return the offsets of its tokens.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"gradients need a tokenizer that tells where tokens lie; {type(tokenizer).__name__} does not")
    text = render(messages)
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    firsts = {token: _first(text, start, end) for token, (start, end) in enumerate(offsets) if start < end}
    inside = {
        i: [
            (first - begin + at, token)
            for begin, at, length in _places(render, messages, i, text)
            for token, first in firsts.items()
            if begin <= first < begin + length
        ]
        for i in {message for message, _, _ in spans}
    }
    return [[token for at, token in inside[message] if start <= at < end] for message, start, end in spans]


def _first(text: str, start: int, end: int) -> int:
    """Return the index of the first character from start to end that is no white space, or else the start."""
    return next((i for i in range(start, end) if not text[i].isspace()), start)


def _places(render: Render, messages: Sequence[Message], i: int, text: str) -> list[tuple[int, int, int]]:
    """Return the places of a message in the rendered text as (begin, first character of the message there, length).

    It is found by the text that the template writes around it, with a mark in its place: its content may occur
    elsewhere too (in another message, in the template's own words). Templates strip messages, cut a thought off their
    beginning, and some write one twice.

    Raises:
        ModelError: with the message in the place of the mark it is not the same text.
    """
    mark = next(mark for n in itertools.count() if (mark := f"\x02{n}\x03") not in text)
    around = render(
        [replace(message, content=mark) if n == i else message for n, message in enumerate(messages)]
    ).split(mark)
    times = len(around) - 1
    length = (len(text) - sum(map(len, around))) // times if times else 0
    written = text[len(around[0]) : len(around[0]) + max(0, length)]
    at = sendable(messages[i].content).rfind(written)
    if not times or at < 0 or written.join(around) != text:
        raise ModelError(f"the chat template rewrites message {i}, so that its parts cannot be found in the prompt")
    begins = itertools.accumulate((len(part) + len(written) for part in around[1:-1]), initial=len(around[0]))
    return [(begin, at, len(written)) for begin in begins]
