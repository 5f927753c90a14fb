"""A model with open weights, for the tables of XPrompt: replies, their probabilities, gradients, and other explainers.

Prompts are words between single spaces, as XPrompt's authors cut them; a masked word is left out. Captum and Integrated
Gradients need `pip install captum`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from convexplain.connectors.models.embedded import EmbeddedModel
from convexplain.connectors.models.gradients import unit_tokens
from convexplain.connectors.models.local import LocalModel
from convexplain.connectors.models.prompt_encoder import PromptEncoder
from convexplain.connectors.models.raw_text import RawText
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Request

STEPS = 8  # of the integral of Integrated Gradients


def open_white_box(name: str) -> LocalModel:
    """Return a model of local weights: `embedded` (as a model of language, without its adapter) or `local:FOLDER`."""
    if name == "embedded":
        return EmbeddedModel((), adapted=False)
    if name.startswith("local:"):
        return LocalModel(name.removeprefix("local:"))
    raise SystemExit(f"--model {name} is not valid; valid are embedded and local:FOLDER")


@dataclass(frozen=True, slots=True)
class WhiteBox:
    """A prompt and the model's own reply to it, with what explains the reply.

    Attributes:
        calls: the model, with a cache.
        words: the prompt.
        reply: the model's most probable reply to the whole prompt, cut after `tokens`.
        tokens: of a reply at most.
    """

    calls: Calls
    words: tuple[str, ...]
    reply: str
    tokens: int

    @property
    def model(self) -> LocalModel:
        """The model with open weights."""
        model = self.calls.model
        assert isinstance(model, LocalModel)
        return model

    def messages(self, removed: frozenset[int] = frozenset()) -> tuple[Message, ...]:
        """Return the prompt without some words."""
        return (Message("user", " ".join(word for i, word in enumerate(self.words) if i not in removed)),)

    async def logprobs(self, sets: Sequence[frozenset[int]]) -> list[float | None]:
        """Return the log-probability of the reply without each of the sets: the value that is attributed."""
        requests = [Request(self.messages(removed), reply=self.reply) for removed in sets]
        replies = await asyncio.gather(*map(self.calls.ask, requests))
        return [reply.logprob for reply in replies]

    async def answer(self, removed: frozenset[int]) -> str:
        """Return the model's reply to the prompt without some words."""
        return (await self.calls.ask(Request(self.messages(removed), max_tokens=self.tokens))).text.strip()

    async def distributions(self, removed: frozenset[int]) -> tuple[list[float], np.ndarray]:
        """Return the log-probabilities of the reply's tokens, and (tokens, vocabulary) those of all tokens there."""
        request = Request(self.messages(removed), reply=self.reply)
        return await self.model.on_raw_text(partial(_distributions, name=self.model.name, request=request))

    async def gradients(self) -> list[float]:
        """Return how much each word raises the log-probability of the reply, to first order."""
        return await self.model.unit_gradients(self.messages(), self.reply, self._spans())

    async def captum(self) -> list[float]:
        """Return Captum's scores of the words: its feature ablation of a language model, one word at a time."""
        return await asyncio.to_thread(self._captum)

    async def integrated_gradients(self) -> list[float]:
        """Return Captum's Integrated Gradients from embeddings of 0, summed over each word's tokens."""
        return await asyncio.to_thread(self._integrated_gradients)

    def _spans(self) -> list[tuple[int, int, int]]:
        starts = np.cumsum([0, *(len(word) + 1 for word in self.words)])
        return [(0, int(start), int(start) + len(word)) for start, word in zip(starts, self.words, strict=False)]

    @property
    def _parts(self) -> tuple[Any, Any, PromptEncoder]:
        """Weights, tokenizer and encoder. Captum needs the bare model."""
        weights, tokenizer = self.model._model, self.model._tokenizer
        return weights, tokenizer, PromptEncoder(self.model.name, tokenizer, self.model.window)

    def _captum(self) -> list[float]:
        from captum.attr import FeatureAblation, LLMAttribution, TextTemplateInput

        weights, tokenizer, encoder = self._parts
        request = Request(self.messages(), reply=self.reply)
        ids, start = encoder.encode_with_reply(request)

        def template(*words: str) -> str:
            content = " ".join(word for word in words if word)
            return encoder.text(Request((Message("user", content),)))

        class Tokenizer:
            """The tokenizer without tokens of its own: the template writes the special ones."""

            def encode(self, text: str, **options: Any) -> Any:
                return tokenizer.encode(text, **{**options, "add_special_tokens": False})

            def __call__(self, text: str, **options: Any) -> Any:
                return tokenizer(text, **{**options, "add_special_tokens": False})

            def __getattr__(self, name: str) -> Any:
                return getattr(tokenizer, name)

        import torch

        method = LLMAttribution(FeatureAblation(weights), Tokenizer())
        scores = method.attribute(
            TextTemplateInput(template, list(self.words)), target=torch.tensor(ids[start:]), forward_in_tokens=False
        )
        return [float(score) for score in scores.seq_attr]

    def _integrated_gradients(self) -> list[float]:
        import torch
        from captum.attr import IntegratedGradients

        weights, tokenizer, encoder = self._parts
        request = Request(self.messages(), reply=self.reply)
        ids, start = encoder.encode_with_reply(request)
        units = unit_tokens(partial(encoder.text_with_reply, request), tokenizer, request.messages, self._spans())
        tokens = torch.tensor([ids])
        embedded = weights.get_input_embeddings()(tokens).detach()
        baseline = embedded.clone()
        baseline[0, [token for unit in units for token in unit]] = 0.0

        def logprob(rows: torch.Tensor) -> torch.Tensor:
            logits = weights(inputs_embeds=rows, use_cache=False).logits[:, start - 1 : -1].log_softmax(-1)
            return logits.gather(-1, tokens[:, start:, None].expand(len(rows), -1, 1)).sum((1, 2))

        scores = IntegratedGradients(logprob).attribute(embedded, baseline, n_steps=STEPS, internal_batch_size=4)
        sums = scores[0].double().sum(-1)
        return [float(sums[unit].sum()) for unit in units]


def _distributions(raw: RawText, name: str, request: Request) -> tuple[list[float], np.ndarray]:
    ids, start = PromptEncoder(name, raw.tokenizer, raw.window).encode_with_reply(request)
    places = raw.forward.prefix_outputs(ids, range(start, len(ids)))
    rows = np.stack([logits.log_softmax(-1).numpy() for _, logits in places])
    return [float(row[token]) for row, token in zip(rows, ids[start:], strict=True)], rows
