"""A chat model in this process: `transformers` weights on CPU or GPU, asked in batches."""

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from convexplain.errors import ConvexplainError, MissingExtraError, ModelError, UnavailableError
from convexplain.judges.heads import Head, check_heads
from convexplain.models.chat import Message, Reply, Request

from .forward import Forward
from .gradients import check_spans, reply_gradients, unit_tokens
from .head_query import read_heads, split_heads
from .kind import ModelKind
from .label_tokens import LabelTokens
from .prompt_encoder import PromptEncoder
from .raw_text import RawText
from .request_batch import BatchAnswerer
from .weights import Weights, context_length, find_weights

if TYPE_CHECKING:
    pass

T = TypeVar("T")


class LocalModel:
    """Runs a causal language model with `transformers`.

    The parts that the prompts of a call share with each other and with earlier ones are computed once: a rubric costs
    its tokens once, and a conversation's next turn only its new tokens.

    Args:
        source: a folder as `save_pretrained` writes it, or the name of a repository on the Hugging Face hub.
        name: how the user calls the model; `local:SOURCE` by default.
        fingerprint: identifies the weights; by default it is computed from their files.
        dtype: e.g. `float32`; by default the type that suits the device and fits into its memory.
        heads: heads that score in the place of label probabilities.
    """

    batch = 16
    in_flight = 1
    timeout: float | None = None
    chats = True  # whether a chat template is needed
    weight_bytes = 0

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
        self._encoder: PromptEncoder | None = None
        self._answerer: BatchAnswerer | None = None
        self._lock = threading.Lock()  # a cancelled call's thread may still be computing

    @property
    def fingerprint(self) -> str:
        """Return an identity of weights and precision; just the name while the weights are not on this machine."""
        if self._fingerprint is None:
            try:
                self._identify(find_weights(self._source, self.name, self._dtype, fetch=False))
            except Exception:  # noqa: BLE001 - `prepare` says what is wrong
                return self.name
        return self._fingerprint or self.name

    async def prepare(self) -> None:
        """Load weights and tokenizer.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: no model can be had from there, or it is none that can chat.
            HeadError: a head was trained on another model.
        """
        if self._model is None:
            await asyncio.to_thread(self._load_once)

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answer requests together."""
        return await self._in_thread(lambda: self._loaded(self._answerer).answer(requests))

    async def unit_gradients(
        self, messages: Sequence[Message], reply: str, spans: Sequence[tuple[int, int, int]]
    ) -> list[float]:
        """Return how much each part of the prompt raises the log-probability of a given reply, to first order.

        XPrompt (Chang et al. 2024, algorithm 1, line 1) guides its search by the same of p. This is of log p, with its
        sign: the derivative of log p(reply) by a factor before the embeddings of the part's tokens, where that factor
        is 1. One pass forward and one back, in the precision of the weights; embeddings and log-probabilities are in
        float32.

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
                return the offsets of its tokens.
        """
        check_spans(messages, spans)
        request = Request(tuple(messages), reply=reply)
        return await self._in_thread(lambda: self._unit_gradients(request, spans))

    async def on_raw_text(self, work: Callable[[RawText], T]) -> T:
        """Run work on text without the chat template; in a thread, and one such work at a time."""
        return await self._in_thread(
            lambda: work(RawText(self._loaded(self._forward), self._tokenizer, self._labels.token_texts, self.window))
        )

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of the text alone, without the chat template's."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    async def aclose(self) -> None:
        """Free the weights and the cache."""
        if self._forward is not None:
            self._forward.stop.set()
        self._model = self._tokenizer = self._forward = self._encoder = self._answerer = None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run work in a thread, one at a time; cancelled work ends after its current forward pass."""
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._locked, stop, work)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _locked(self, stop: threading.Event, work: Callable[[], T]) -> T:
        with self._lock:
            self._loaded(self._forward).stop = stop
            return work()

    def _identify(self, weights: Weights) -> None:
        if self._fingerprint is None:
            self._fingerprint = f"{self.name.partition('?head=')[0]}#{weights.digest()}"

    def _loaded(self, part: T | None) -> T:
        if part is None:
            raise ModelError(f"{self.name}: the model is closed or was never prepared")
        return part

    @property
    def _labels(self) -> LabelTokens:
        return self._loaded(self._answerer).labels

    def _load_once(self) -> None:
        with self._lock:  # of a call that was cancelled, the thread may still be loading
            if self._model is None:
                self._load()

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
            tokenizer = AutoTokenizer.from_pretrained(weights.folder)
            model = weights.load()
            cache = DynamicCache(config=model.config)
        except ConvexplainError:
            raise
        except Exception as error:  # a loader of files from anywhere raises anything
            reason = f"{type(error).__name__}: {error}"
            raise UnavailableError(f"{self.name}: no model can be loaded from {self._source}: {reason}") from error
        if self.chats and not tokenizer.chat_template:
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
        self._use(model, tokenizer, context_length(model.config), *weights.budget())

    def _use(self, model: Any, tokenizer: Any, window: int | None, tokens_at_once: int, cache_bytes: int) -> None:
        self.window = window
        self._tokenizer = tokenizer
        self._encoder = PromptEncoder(self.name, tokenizer, window)
        beginning = self._encoder.beginning() if self.chats else ()
        self._forward = Forward(model, tokens_at_once, cache_bytes, beginning)
        labels = LabelTokens(tokenizer, model.config.get_text_config().vocab_size)
        ends = model.generation_config.eos_token_id
        ends = frozenset({tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])})
        self._answerer = BatchAnswerer(self._forward, labels, self._encoder, ends)
        self.weight_bytes = sum(weights.nbytes for weights in model.parameters())
        self._model = model

    def _unit_gradients(self, request: Request, spans: Sequence[tuple[int, int, int]]) -> list[float]:
        if not request.reply:
            return [0.0 for _ in spans]
        encoder = self._loaded(self._encoder)
        ids, start = encoder.encode_with_reply(request)
        units = unit_tokens(partial(encoder.text_with_reply, request), self._tokenizer, request.messages, spans)
        gradients = self._loaded(self._forward).run_alone(lambda: reply_gradients(self._model, ids, start))
        return [math.fsum(gradients[token] for token in tokens) for tokens in units]


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
