"""A chat model in this process: `transformers` weights on CPU or GPU, with what prompts share computed once."""

import asyncio
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.errors import MissingExtraError, ModelError, TooLongError, UnavailableError
from convexplain.judges.labels import matches
from convexplain.models import LabelLogprobs, Reply, Request

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

_KEPT_TOKENS = 8_192  # over all kept prompts; 135M in fp32 needs 46 kB a token
_WORTH_SHARING = 16  # tokens; a shorter common beginning is cheaper to compute than to look after
_NEGLIGIBLE = 1e-4  # probability below which a token that begins several labels is not followed further


class LocalModel:
    """Runs a causal language model with `transformers`.

    One prompt at a time; keys and values of earlier prompts are kept, and a prompt that begins like one of them is
    computed from where they part. So a rubric costs its tokens once, and a conversation's next turn only what is new.

    Args:
        folder: weights, tokenizer and configuration as `save_pretrained` writes them.
        name: how the user calls the model.
        fingerprint: identifies the weights.
    """

    batch = 1
    in_flight = 1
    timeout: float | None = None

    def __init__(self, folder: Path, name: str, fingerprint: str) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.window: int | None = None
        self._folder = folder
        self._model: Any = None
        self._tokenizer: Any = None
        self._prefixes: list[tuple[list[int], DynamicCache]] = []
        self._vocabulary: list[str] = []
        self._label_tokens: dict[tuple[str, ...], dict[str, list[int]]] = {}
        self._lock = threading.Lock()  # a cancelled call's thread may still be computing

    async def prepare(self) -> None:
        """Loads weights and tokenizer. Raises UnavailableError when the folder holds no model."""
        if self._model is None:
            await asyncio.to_thread(self._load)

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answers one request after the other."""
        return [await asyncio.to_thread(self._answer, request) for request in requests]

    async def continuation_logprobs(self, requests: Sequence[Request], texts: Sequence[str]) -> list[float]:
        """For each pair, the summed natural log-probability of the text as the reply to the request."""
        pairs = zip(requests, texts, strict=True)
        return [await asyncio.to_thread(self._continuation, request, text) for request, text in pairs]

    async def hidden_states(self, requests: Sequence[Request]) -> list[list[float]]:
        """The last layer's hidden state at the last prompt token, one vector (of the model's width) a request."""
        return [await asyncio.to_thread(self._hidden, request) for request in requests]

    async def next_tokens(self, requests: Sequence[Request], k: int) -> list[list[tuple[str, float]]]:
        """The k most probable next tokens after each prompt with their log-probabilities, most probable first."""
        return [await asyncio.to_thread(self._next, request, k) for request in requests]

    async def label_gradients(self, requests: Sequence[Request], label: str) -> list[list[tuple[int, int, float]]]:
        """How much each token of the last message moves the label's log-probability: (start, end, L2 norm)."""
        return [await asyncio.to_thread(self._gradients, request, label) for request in requests]

    def count_tokens(self, text: str) -> int:
        """Tokens of the text alone, without the chat template's."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    async def aclose(self) -> None:
        """Frees the weights and all that is kept."""
        self._model = self._tokenizer = None
        self._prefixes.clear()

    def _load(self) -> None:
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
            from transformers.utils import logging
        except ImportError as error:
            raise MissingExtraError("A local model", "local") from error
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(self._folder)
            model: Any = AutoModelForCausalLM.from_pretrained(self._folder, dtype=torch.float32)
        except (OSError, ValueError) as error:
            raise UnavailableError(f"{self.name}: no model can be loaded from {self._folder}: {error}") from error
        if not self._tokenizer.chat_template:
            raise UnavailableError(f"{self.name}: the model has no chat template, so it is no chat model")
        self._model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval().requires_grad_(False)
        self.window = getattr(model.config, "max_position_embeddings", None)

    def _answer(self, request: Request) -> Reply | ModelError:
        with self._lock:
            if self._model is None:
                return ModelError(f"{self.name}: the model is closed or was never prepared")
            try:
                return self._reply(request)
            except ModelError as error:
                return error

    def _reply(self, request: Request) -> Reply:
        import torch

        began = time.perf_counter()
        ids = self._encode(request)
        with torch.inference_mode():
            logits, cache, shared = self._prompt(ids)
            if request.labels:
                labels = self._read_labels(logits, cache, request.labels)
                best = max(labels.logprobs, key=lambda name: labels.logprobs[name], default="")
                text, made, truncated = request.opening + best, 1, False
            else:
                labels = None
                new, truncated = self._generate(logits, cache, request)
                text, made = request.opening + self._tokenizer.decode(new, skip_special_tokens=True), len(new)
        return Reply(
            text=text,
            labels=labels,
            logprobs=True,
            truncated=truncated,
            prompt_tokens=len(ids),
            completion_tokens=made,
            cached_tokens=shared,
            seconds=time.perf_counter() - began,
        )

    def _text(self, request: Request) -> str:
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return f"{text}{request.opening}"

    def _encode(self, request: Request) -> list[int]:
        # The template writes the special tokens itself; asking the tokenizer for them too would double them.
        ids: list[int] = self._tokenizer(self._text(request), add_special_tokens=False)["input_ids"]
        if self.window is not None and len(ids) + request.max_tokens > self.window:
            raise TooLongError(f"the prompt has {len(ids)} tokens; the window of {self.name} holds {self.window}")
        return ids

    def _prompt(self, ids: list[int]) -> tuple["torch.Tensor", "DynamicCache", int]:
        """Next-token logits after the prompt, its keys and values, and how many tokens were already computed."""
        kept, shared = self._longest_shared(ids)
        cache = _cut(self._prefixes[kept][1], shared) if kept is not None else _cut(None, 0)
        logits = self._forward(ids[shared:], cache)
        if kept is not None and len(self._prefixes[kept][0]) - shared <= len(ids) // 8:
            del self._prefixes[kept]  # little more than the beginning of this one: superseded
        self._prefixes.append((ids, _cut(cache, len(ids))))
        while len(self._prefixes) > 1 and sum(len(tokens) for tokens, _ in self._prefixes) > _KEPT_TOKENS:
            del self._prefixes[0]
        return logits, cache, shared

    def _longest_shared(self, ids: list[int]) -> tuple[int | None, int]:
        best, most = None, _WORTH_SHARING - 1
        for i, (tokens, _) in enumerate(self._prefixes):
            shared = _common(tokens, ids)
            if shared > most:
                best, most = i, shared
        if best is None:
            return None, 0
        self._prefixes.append(self._prefixes.pop(best))  # the least recently used is dropped first
        return len(self._prefixes) - 1, min(most, len(ids) - 1)

    def _forward(self, ids: list[int], cache: "DynamicCache") -> "torch.Tensor":
        """Logits after the last of `ids`, in float64; `cache` grows by them."""
        logits: torch.Tensor = self._compute(ids, cache).logits[0, -1].double()
        return logits

    def _compute(self, ids: list[int], cache: "DynamicCache", **options: Any) -> Any:
        """The model's output for `ids` after what is in `cache`, with the logits of the last `logits_to_keep` (1)."""
        import torch

        tokens = torch.tensor([ids], device=self._model.device)
        return self._model(input_ids=tokens, past_key_values=cache, use_cache=True, **{"logits_to_keep": 1, **options})

    def _continuation(self, request: Request, text: str) -> float:
        import torch

        prompt = self._encode(request)
        # Tokenised after the prompt's text, so that the two are cut apart where the model would cut them.
        whole = self._encode(replace(request, opening=request.opening + text))
        with self._lock, torch.inference_mode():
            start = min(_common(prompt, whole), len(whole) - 1)
            _, cache, _ = self._prompt(whole[:start])
            cache = _cut(cache, start - 1)
            logits = self._compute(whole[start - 1 :], cache, logits_to_keep=0).logits[0, :-1].double()
            wanted = torch.tensor(whole[start:], device=logits.device)
            return float(logits.log_softmax(-1).gather(-1, wanted[:, None]).sum())

    def _hidden(self, request: Request) -> list[float]:
        import torch

        ids = self._encode(request)
        with self._lock, torch.inference_mode():
            _, cache, _ = self._prompt(ids[:-1])
            output = self._compute(ids[-1:], cache, output_hidden_states=True)
            vector: list[float] = output.hidden_states[-1][0, -1].float().tolist()
            return vector

    def _gradients(self, request: Request, label: str) -> list[tuple[int, int, float]]:
        import torch

        text = self._text(request)
        content = request.messages[-1].content.strip()  # some templates strip it
        begin = text.rindex(content)
        lead = len(request.messages[-1].content) - len(request.messages[-1].content.lstrip())
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        with self._lock:
            ids = torch.tensor([encoded["input_ids"]], device=self._model.device)
            embedded = self._model.get_input_embeddings()(ids).detach().requires_grad_()
            logits = self._model(inputs_embeds=embedded, logits_to_keep=1).logits[0, -1].double()
            deciding = self._tokens_by_label(request.labels, "")[label]
            target = logits.log_softmax(-1)[deciding].logsumexp(0)
            norms = torch.autograd.grad(target, embedded)[0][0].norm(dim=-1).tolist()
        places = [(start - begin + lead, end - begin + lead) for start, end in encoded["offset_mapping"]]
        inside = range(lead, lead + len(content))
        return [(*place, norm) for place, norm in zip(places, norms, strict=True) if place[0] in inside]

    def _next(self, request: Request, k: int) -> list[tuple[str, float]]:
        import torch

        with self._lock, torch.inference_mode():
            logits, _, _ = self._prompt(self._encode(request))
            best = logits.log_softmax(-1).topk(k)
            tokens = self._tokenizer.batch_decode([[int(i)] for i in best.indices])
            return list(zip(tokens, best.values.tolist(), strict=True))

    def _read_labels(self, logits: "torch.Tensor", cache: "DynamicCache", labels: tuple[str, ...]) -> LabelLogprobs:
        mass = dict.fromkeys(labels, 0.0)
        self._add_mass(mass, logits, cache, labels, "", 1.0)
        return LabelLogprobs({name: math.log(p) for name, p in mass.items() if p > 0})

    def _add_mass(
        self,
        mass: dict[str, float],
        logits: "torch.Tensor",
        cache: "DynamicCache",
        labels: tuple[str, ...],
        before: str,
        reached: float,
    ) -> None:
        """Adds what every next token gives its label; a token that begins several labels is followed one further."""
        probabilities = logits.softmax(-1)
        table = self._tokens_by_label(labels, before)
        for name in labels:
            mass[name] += reached * float(probabilities[table[name]].sum())
        length = cache.get_seq_length()
        for token in table[""]:
            p = reached * float(probabilities[token])
            if p > _NEGLIGIBLE:
                branch = _cut(cache, length)
                following = self._forward([token], branch)
                self._add_mass(mass, following, branch, labels, before + self._vocabulary[token], p)

    def _tokens_by_label(self, labels: tuple[str, ...], before: str) -> dict[str, list[int]]:
        """Token ids that decide for each label after the text `before`; under "" those that leave several open."""
        key = (*labels, before)
        if key not in self._label_tokens:
            if not self._vocabulary:
                size = self._model.config.vocab_size
                known = len(self._tokenizer)
                self._vocabulary = self._tokenizer.batch_decode([[i] for i in range(min(size, known))])
            table: dict[str, list[int]] = {name: [] for name in (*labels, "")}
            for token, text in enumerate(self._vocabulary):
                found = matches(before + text, labels) if text else ()
                if found:
                    table[found[0] if len(found) == 1 else ""].append(token)
            self._label_tokens[key] = table
        return self._label_tokens[key]

    def _generate(self, logits: "torch.Tensor", cache: "DynamicCache", request: Request) -> tuple[list[int], bool]:
        import torch

        generator = torch.Generator(device=logits.device).manual_seed(request.draw)
        ends = self._model.generation_config.eos_token_id
        ends = {self._tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
        new: list[int] = []
        while len(new) < request.max_tokens:
            if request.temperature > 0:
                probabilities = (logits / request.temperature).softmax(-1)
                token = int(torch.multinomial(probabilities, 1, generator=generator))
            else:
                token = int(logits.argmax())
            if token in ends:
                return new, False
            new.append(token)
            logits = self._forward([token], cache)
        return new, True


def _cut(cache: "DynamicCache | None", length: int) -> "DynamicCache":
    """A cache that shares the first `length` positions and can grow without touching the original."""
    from transformers import DynamicCache

    cut = DynamicCache()
    layers: Sequence[Any] = cache.layers if cache is not None else ()
    for i, layer in enumerate(layers):
        cut.update(layer.keys[:, :, :length], layer.values[:, :, :length], i)
    return cut


def _common(left: list[int], right: list[int]) -> int:
    """Length of the common beginning."""
    size = min(len(left), len(right))
    if left[:size] == right[:size]:
        return size
    low, high = 0, size  # the beginnings of length `low` are equal, those of length `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low
