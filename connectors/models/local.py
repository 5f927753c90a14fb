"""A chat model in this process: `transformers` weights on CPU or GPU, asked in batches."""

import asyncio
import hashlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jinja2 import TemplateError

from convexplain.errors import ConvexplainError, MissingExtraError, ModelError, TooLongError, UnavailableError
from convexplain.judges.heads import Head, check_heads
from convexplain.models.chat import Message, Reply, Request, sendable

from .features import features
from .forward import Forward
from .gradients import check_spans, label_gradients, reply_gradients, unit_tokens
from .head_query import read_heads, split_heads
from .kind import ModelKind
from .label_tokens import LabelTokens
from .prefix_tree import common
from .raw_text import RawText
from .weights import Weights, context_length, find_weights

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
_TODAY = date(2026, 1, 1)


class LocalModel:
    """Runs a causal language model with `transformers`.

    What the prompts of a call share with each other and with earlier ones is computed once: a rubric costs its tokens
    once, and a conversation's next turn only what is new.

    Args:
        source: a folder as `save_pretrained` writes it, or the name of a repository on the Hugging Face hub.
        name: how the user calls the model; `local:SOURCE` unless given.
        fingerprint: identifies the weights; found out from their files when they are loaded, unless given.
        dtype: e.g. `float32`; unless given, what suits the device and fits into its memory.
        heads: what scores in the place of label probabilities.
    """

    batch = 16
    in_flight = 1
    timeout: float | None = None
    chats = True  # whether a chat template is needed

    def __init__(
        self,
        source: str | Path,
        name: str | None = None,
        fingerprint: str | None = None,
        dtype: str | None = None,
        heads: Sequence[Head] = (),
    ) -> None:
        self.name = name or f"local:{source}"
        self.heads = tuple(heads)
        self.window: int | None = None
        self._source = source
        self._dtype = dtype
        self._fingerprint = fingerprint
        self._model: Any = None
        self._tokenizer: Any = None
        self._forward: Forward | None = None
        self._label_tokens: LabelTokens | None = None
        self._lock = threading.Lock()  # a cancelled call's thread may still be computing

    @property
    def fingerprint(self) -> str:
        """Identifies the weights and the precision; just the name while the weights are not on this machine."""
        if self._fingerprint is None:
            try:
                self._identify(find_weights(self._source, self.name, self._dtype, fetch=False))
            except Exception:  # noqa: BLE001 - `prepare` says what is wrong
                return self.name
        return self._fingerprint or self.name

    async def prepare(self) -> None:
        """Loads weights and tokenizer.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: no model can be had from there, or it is none that can chat.
            HeadError: a head was trained on another model.
        """
        if self._model is None:
            await asyncio.to_thread(self._load)

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answers them together."""
        return await self._in_thread(lambda: self._answer(requests))

    async def continuation_logprobs(self, requests: Sequence[Request], texts: Sequence[str]) -> list[float]:
        """For each pair, the summed natural log-probability of the text as the reply to the request."""
        pairs = list(zip(requests, texts, strict=True))
        return await self._in_thread(lambda: [self._continuation(request, text) for request, text in pairs])

    async def unit_gradients(
        self, messages: Sequence[Message], reply: str, spans: Sequence[tuple[int, int, int]]
    ) -> list[float]:
        """How much each part of the prompt raises the log-probability of a given reply, to first order.

        What XPrompt (Chang et al. 2024, algorithm 1, line 1) guides its search by, but of log p, and with its sign: the
        derivative of log p(reply) by a factor before the embeddings of the part's tokens, where that factor is 1. One
        pass forward and one back, in the precision of the weights; embeddings and log-probabilities are in float32.

        Args:
            messages: the prompt.
            reply: the reply; with an empty one every value is 0.
            spans: for each part the index of its message, its first character and its end (excluded). A token belongs
                to the parts that hold its first character that is no white space; parts may overlap.

        Returns:
            One number a span, in nats: positive where the part raises log p(reply), negative where it lowers it, 0 for
            a part without tokens. Not bounded.

        Raises:
            UsageError: a span is not in its message.
            TooLongError: prompt and reply do not fit the window, or the memory.
            ModelError: the template refuses the messages or rewrites one that has spans, or the tokenizer does not
                tell where its tokens lie.
        """
        check_spans(messages, spans)
        request = Request(tuple(messages), reply=reply)
        return await self._in_thread(lambda: self._unit_gradients(request, spans))

    async def hidden_states(self, requests: Sequence[Request]) -> list[list[float]]:
        """The last layer's hidden state at the last prompt token, one vector (of the model's width) a request."""
        return await self._in_thread(lambda: [vector.tolist() for vector in self._last(requests, hidden=True)])

    async def next_tokens(self, requests: Sequence[Request], k: int) -> list[list[tuple[str, float]]]:
        """The k most probable next tokens after each prompt with their log-probabilities, most probable first."""
        return await self._in_thread(lambda: [self._best(logits, k) for logits in self._last(requests)])

    async def label_gradients(self, requests: Sequence[Request], label: str) -> list[list[tuple[int, int, float]]]:
        """How much each token of the last message moves the label's log-probability: (start, end, L2 norm)."""
        return await self._in_thread(lambda: [self._gradients(request, label) for request in requests])

    async def on_raw_text(self, work: Callable[[RawText], T]) -> T:
        """Runs work on text without the chat template; in a thread, and one such work at a time."""
        return await self._in_thread(
            lambda: work(RawText(self._loaded(), self._tokenizer, self._labels().words, self.window))
        )

    def count_tokens(self, text: str) -> int:
        """Tokens of the text alone, without the chat template's."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    async def aclose(self) -> None:
        """Frees the weights and all that is kept."""
        if self._forward is not None:
            self._forward.stop.set()
        self._model = self._tokenizer = self._forward = None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Runs the work in a thread, one at a time; what is cancelled ends after its current forward pass."""
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._locked, stop, work)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _locked(self, stop: threading.Event, work: Callable[[], T]) -> T:
        with self._lock:
            self._loaded().stop = stop
            return work()

    def _identify(self, weights: Weights) -> None:
        if self._fingerprint is None:
            self._fingerprint = f"{self.name.partition('?head=')[0]}#{weights.digest()}"

    def _loaded(self) -> Forward:
        if self._forward is None:
            raise ModelError(f"{self.name}: the model is closed or was never prepared")
        return self._forward

    def _labels(self) -> LabelTokens:
        self._loaded()
        assert self._label_tokens is not None
        return self._label_tokens

    def _load(self) -> None:
        try:
            from transformers import AutoTokenizer
            from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer
            from transformers.utils import logging
        except ImportError as error:
            raise MissingExtraError("A local model", "local") from error
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            weights = find_weights(self._source, self.name, self._dtype)
            self._tokenizer = AutoTokenizer.from_pretrained(weights.folder)
            model = weights.load()
            cache = DynamicCache(config=model.config)
        except ConvexplainError:
            raise
        except Exception as error:  # a loader of files from anywhere raises anything
            reason = f"{type(error).__name__}: {error}"
            raise UnavailableError(f"{self.name}: no model can be loaded from {self._source}: {reason}") from error
        if self.chats and not self._tokenizer.chat_template:
            raise UnavailableError(
                f"{self.name}: the model has no chat template, so it is no chat model; a model tuned for chat "
                "(usually with Instruct or Chat in its name) is needed"
            )
        if any(type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers):
            raise UnavailableError(
                f"{self.name}: {model.config.model_type} keeps a state other than keys and values for each token, so "
                "that prompts cannot share it; serve it (vLLM, llama.cpp) and name its URL instead"
            )
        self._identify(weights)
        check_heads(self.heads, self)
        self.window = context_length(model.config)
        self._forward = Forward(model, *weights.budget())
        self._label_tokens = LabelTokens(self._tokenizer, model.config.get_text_config().vocab_size)
        self._model = model

    def _answer(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Replies in the order of the requests.

        Those that give their reply are computed together, those among them first that ask for features; then those
        that ask for labels, and then the others.
        """
        began = time.perf_counter()
        outcomes: dict[int, Reply | ModelError] = {}
        encoded: dict[int, list[int]] = {}
        given: dict[int, tuple[list[int], int]] = {}
        for i, request in enumerate(requests):
            try:
                if request.reply:
                    given[i] = self._with_reply(request)
                else:
                    encoded[i] = self._encode(request)
            except ModelError as error:
                outcomes[i] = error
        featured = {i: given.pop(i) for i in [*given] if requests[i].features}
        recipes = [requests[i].features for i in featured]
        outcomes |= zip(featured, self._featured(recipes, [*featured.values()]), strict=True)
        labelled = {i: ids for i, ids in encoded.items() if requests[i].labels}
        worded = {i: ids for i, ids in encoded.items() if not requests[i].labels}
        outcomes |= zip(given, self._given([*given.values()]), strict=True)
        outcomes |= zip(labelled, self._labelled([requests[i] for i in labelled], [*labelled.values()]), strict=True)
        outcomes |= zip(worded, self._worded([requests[i] for i in worded], [*worded.values()]), strict=True)
        each = (time.perf_counter() - began) / len(requests) if requests else 0.0
        ordered = [outcomes[i] for i in range(len(requests))]
        return [replace(outcome, seconds=each) if isinstance(outcome, Reply) else outcome for outcome in ordered]

    def _given(self, pairs: Sequence[tuple[list[int], int]]) -> list[Reply | ModelError]:
        found, known = self._loaded().continuations(pairs)
        return [
            logprob
            if isinstance(logprob, ModelError)
            else Reply("", None, True, False, len(ids), 0, shared, logprob=logprob, reply_tokens=len(ids) - start)
            for (ids, start), logprob, shared in zip(pairs, found, known, strict=True)
        ]

    def _featured(self, recipes: Sequence[str], pairs: Sequence[tuple[list[int], int]]) -> list[Reply | ModelError]:
        found, known = features(self._loaded(), recipes, pairs)
        return [
            numbers
            if isinstance(numbers, ModelError)
            else Reply("", None, True, False, len(ids), 0, shared, reply_tokens=len(ids) - start, features=numbers)
            for (ids, start), numbers, shared in zip(pairs, found, known, strict=True)
        ]

    def _labelled(self, requests: Sequence[Request], prompts: Sequence[list[int]]) -> list[Reply | ModelError]:
        found, known = self._labels().read(self._loaded(), [request.labels for request in requests], prompts)
        replies: list[Reply | ModelError] = []
        for request, ids, shared, labels in zip(requests, prompts, known, found, strict=True):
            if isinstance(labels, ModelError):
                replies.append(labels)
                continue
            best = max(labels.logprobs, key=lambda name: labels.logprobs[name], default="")
            text = request.opening + best
            replies.append(Reply(text, labels, True, False, len(ids), 1, shared))
        return replies

    def _worded(self, requests: Sequence[Request], prompts: Sequence[list[int]]) -> list[Reply | ModelError]:
        made, known = self._loaded().generate(prompts, lambda i, new, logits: self._choose(requests[i], new, logits))
        replies: list[Reply | ModelError] = []
        for request, ids, shared, new in zip(requests, prompts, known, made, strict=True):
            if isinstance(new, ModelError):
                replies.append(new)
                continue
            truncated = len(new) == request.max_tokens
            text = request.opening + self._tokenizer.decode(new, skip_special_tokens=True)
            replies.append(Reply(text, None, True, truncated, len(ids), len(new), shared))
        return replies

    def _choose(self, request: Request, new: Sequence[int], logits: "torch.Tensor") -> int | None:
        """The next token of a reply, drawn or the most probable one; depends on the request alone, not on the batch."""
        import torch

        if len(new) >= request.max_tokens:
            return None
        if request.temperature > 0:
            seed = int.from_bytes(hashlib.sha256(f"{request.draw} {len(new)}".encode()).digest()[:8], "big") >> 1
            generator = torch.Generator().manual_seed(seed)
            token = int(torch.multinomial((logits / request.temperature).softmax(-1), 1, generator=generator))
        else:
            token = int(logits.argmax())
        ends = self._model.generation_config.eos_token_id
        return None if token in {self._tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} else token

    def _text(self, request: Request) -> str:
        """The prompt as the chat template writes it. Raises ModelError where the template refuses the messages."""
        messages = [{"role": message.role, "content": sendable(message.content)} for message in request.messages]
        # What a template writes between the role and the reply (white space, an empty thought) belongs to the prompt.
        mark = "\x02reply\x03"
        if request.opening:
            whole = self._rendered([*messages, {"role": "assistant", "content": mark}])
            if mark in whole:
                return whole[: whole.rindex(mark)] + request.opening
        return self._rendered(messages, add_generation_prompt=True) + request.opening

    def _rendered(self, messages: list[dict[str, str]], **options: Any) -> str:
        def strftime_now(form: str) -> str:  # some templates write the date, and a prompt must be the same tomorrow
            return _TODAY.strftime(form)

        try:
            text = self._tokenizer.apply_chat_template(messages, tokenize=False, strftime_now=strftime_now, **options)
        except (TemplateError, ValueError, TypeError) as error:
            raise ModelError(f"{self.name}: its chat template refuses the messages: {error}") from error
        return str(text)

    def _encode(self, request: Request) -> list[int]:
        # The template writes the special tokens itself; asking the tokenizer for them too would double them.
        ids: list[int] = self._tokenizer(self._text(request), add_special_tokens=False)["input_ids"]
        if self.window is not None and len(ids) + request.max_tokens > self.window:
            raise TooLongError(f"the prompt has {len(ids)} tokens; the window of {self.name} holds {self.window}")
        return ids

    def _with_reply(self, request: Request) -> tuple[list[int], int]:
        """The tokens of the prompt with the request's reply after it, and where the reply begins.

        Tokenised together, so that the two are cut apart where the model would cut them; a token of both is the
        reply's. Special tokens that the reply spells out are special in it, as they are in the prompt.
        """
        reply = sendable(request.reply)
        text = self._text(replace(request, opening=reply))
        ids, prompt = (
            self._tokenizer(some, add_special_tokens=False)["input_ids"] for some in (text, text[: -len(reply)])
        )
        start = common(prompt, ids)
        if not 0 < start < len(ids):
            raise ModelError(f"{self.name}: the given reply cannot be scored: {len(ids)} tokens, {start} before it")
        if self.window is not None and len(ids) > self.window:
            raise TooLongError(
                f"prompt and reply have {len(ids)} tokens; the window of {self.name} holds {self.window}"
            )
        return ids, start

    def _last(self, requests: Sequence[Request], *, hidden: bool = False) -> "list[torch.Tensor]":
        outcomes, _ = self._loaded().last([self._encode(request) for request in requests], hidden=hidden)
        found = []
        for outcome in outcomes:
            if isinstance(outcome, ModelError):
                raise outcome
            found.append(outcome)
        return found

    def _best(self, logits: "torch.Tensor", k: int) -> list[tuple[str, float]]:
        best = logits.double().log_softmax(-1).topk(k)
        return list(zip((self._labels().words[int(i)] for i in best.indices), best.values.tolist(), strict=True))

    def _continuation(self, request: Request, text: str) -> float:
        prompt = self._encode(request)
        # Tokenised after the prompt's text, so that the two are cut apart where the model would cut them.
        whole = self._encode(replace(request, opening=request.opening + text))
        return self._loaded().continuation(whole, min(common(prompt, whole), len(whole) - 1))

    def _unit_gradients(self, request: Request, spans: Sequence[tuple[int, int, int]]) -> list[float]:
        def render(messages: Sequence[Message]) -> str:
            return self._text(replace(request, messages=tuple(messages), opening=sendable(request.reply)))

        if not request.reply:
            return [0.0 for _ in spans]
        ids, start = self._with_reply(request)
        units = unit_tokens(render, self._tokenizer, request.messages, spans)
        gradients = self._loaded().alone(lambda: reply_gradients(self._model, ids, start))
        return [math.fsum(gradients[token] for token in tokens) for tokens in units]

    def _gradients(self, request: Request, label: str) -> list[tuple[int, int, float]]:
        deciding = self._labels().deciding(request.labels, "")[label]
        content = sendable(request.messages[-1].content)
        return label_gradients(self._model, self._tokenizer, self._text(request), content, deciding)


def _make(target: str) -> LocalModel:
    name = f"local:{target}"
    source, files = split_heads(target)
    return LocalModel(source, name, heads=read_heads(name, files))


LOCAL = ModelKind(
    "local",
    "Weights of `transformers` in this process, on CPU or GPU.",
    "REPO_OR_FOLDER",
    make=_make,
    options=("head=FILE",),
)
