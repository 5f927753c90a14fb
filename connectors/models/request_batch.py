"""Replies of a local model to a batch of requests, those of one kind computed together."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convexplain.errors import ModelError
from convexplain.models.chat import Reply, Request

from .forward import Forward
from .label_tokens import LabelTokens
from .prompt_encoder import PromptEncoder
from .reply_features import reply_features

if TYPE_CHECKING:
    import torch

Outcome = Reply | ModelError


@dataclass(frozen=True, slots=True)
class BatchAnswerer:
    """Answers batches of requests with one model.

    Attributes:
        forward: runs the model.
        labels: the tokens that decide for labels.
        encoder: encodes the prompts.
        ends: the tokens that end a reply.
    """

    forward: Forward
    labels: LabelTokens
    encoder: PromptEncoder
    ends: frozenset[int | None]

    def answer(self, requests: Sequence[Request]) -> list[Outcome]:
        """Return replies in the order of the requests.

        Requests that give their reply are computed together, those among them first that ask for features; then those
        that ask for labels, and then the others.
        """
        began = time.perf_counter()
        outcomes: dict[int, Outcome] = {}
        prompts: dict[int, list[int]] = {}
        scored: dict[int, tuple[list[int], int]] = {}
        for i, request in enumerate(requests):
            try:
                if request.reply:
                    scored[i] = self.encoder.encode_with_reply(request)
                else:
                    prompts[i] = self.encoder.encode(request)
            except ModelError as error:
                outcomes[i] = error
        featured = {i: scored.pop(i) for i in [*scored] if requests[i].features}
        labelled = {i: ids for i, ids in prompts.items() if requests[i].labels}
        worded = {i: ids for i, ids in prompts.items() if not requests[i].labels}
        recipes = [requests[i].features for i in featured]
        outcomes |= zip(featured, self._featured(recipes, [*featured.values()]), strict=True)
        outcomes |= zip(scored, self._scored([*scored.values()]), strict=True)
        outcomes |= zip(labelled, self._labelled(_at(requests, labelled), [*labelled.values()]), strict=True)
        outcomes |= zip(worded, self._worded(_at(requests, worded), [*worded.values()]), strict=True)
        seconds = (time.perf_counter() - began) / len(requests) if requests else 0.0
        ordered = [outcomes[i] for i in range(len(requests))]
        return [replace(outcome, seconds=seconds) if isinstance(outcome, Reply) else outcome for outcome in ordered]

    def _scored(self, pairs: Sequence[tuple[list[int], int]]) -> list[Outcome]:
        logprobs, cached = self.forward.continuations(pairs)
        return [
            logprob
            if isinstance(logprob, ModelError)
            else Reply("", None, True, False, len(ids), 0, shared, logprob=logprob, reply_tokens=len(ids) - start)
            for (ids, start), logprob, shared in zip(pairs, logprobs, cached, strict=True)
        ]

    def _featured(self, recipes: Sequence[str], pairs: Sequence[tuple[list[int], int]]) -> list[Outcome]:
        return [
            numbers
            if isinstance(numbers, ModelError)
            else Reply("", None, True, False, len(ids), 0, 0, reply_tokens=len(ids) - start, features=numbers)
            for (ids, start), numbers in zip(pairs, reply_features(self.forward, recipes, pairs), strict=True)
        ]

    def _labelled(self, requests: Sequence[Request], prompts: Sequence[list[int]]) -> list[Outcome]:
        logprobs, cached = self.labels.read(self.forward, [request.labels for request in requests], prompts)
        replies: list[Outcome] = []
        for request, ids, shared, labels in zip(requests, prompts, cached, logprobs, strict=True):
            if isinstance(labels, ModelError):
                replies.append(labels)
                continue
            best = max(labels.logprobs, key=lambda name: labels.logprobs[name], default="")
            text = request.opening + best
            replies.append(Reply(text, labels, True, False, len(ids), 1, shared))
        return replies

    def _worded(self, requests: Sequence[Request], prompts: Sequence[list[int]]) -> list[Outcome]:
        texts, cached = self.forward.generate(
            prompts, lambda i, new, logits: _next_token(requests[i], new, logits, self.ends)
        )
        replies: list[Outcome] = []
        for request, ids, shared, new in zip(requests, prompts, cached, texts, strict=True):
            if isinstance(new, ModelError):
                replies.append(new)
                continue
            truncated = len(new) == request.max_tokens
            text = request.opening + self.encoder.tokenizer.decode(new, skip_special_tokens=True)
            replies.append(Reply(text, None, True, truncated, len(ids), len(new), shared))
        return replies


def _at(requests: Sequence[Request], indices: Iterable[int]) -> list[Request]:
    return [requests[i] for i in indices]


def _next_token(
    request: Request, new: Sequence[int], logits: "torch.Tensor", ends: frozenset[int | None]
) -> int | None:
    """Return the next token of a reply, drawn or the most probable one; None at its end.

    It depends on the request alone, not on the batch.
    """
    import torch

    if len(new) >= request.max_tokens:
        return None
    if request.temperature > 0:
        seed = int.from_bytes(hashlib.sha256(f"{request.draw} {len(new)}".encode()).digest()[:8], "big") >> 1
        generator = torch.Generator().manual_seed(seed)
        token = int(torch.multinomial((logits / request.temperature).softmax(-1), 1, generator=generator))
    else:
        token = int(logits.argmax())
    return None if token in ends else token
