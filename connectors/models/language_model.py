"""A local model as a model of language: how probable each token of a text is after what stands before it."""

from collections.abc import Iterator, Sequence
from itertools import chain

from convexplain.errors import ModelError
from convexplain.models.chat import sendable
from convexplain.models.editing import TextInContext, TokenLogprob

from .embedded import EmbeddedModel
from .local import LocalModel
from .raw_text import RawText

_VERSION = 2  # of what is made out of the same weights
_WINDOW = 1_024  # tokens that are read together, half of them scored, where the model's own window is not smaller
_AT_ONCE = 384  # scored tokens in one forward pass: a token alone costs a CPU what ten cost


class LocalLanguageModel:
    """Reads plain text, without the chat template, with a local model.

    Of a context that is too long the end is read. A text that is too long is read in parts, each after the tokens
    before it. Control tokens that a text spells out are text. The beginnings that contexts share are computed once.

    Args:
        model: a local model, perhaps one that also judges. The embedded model unless given.
    """

    def __init__(self, model: LocalModel | None = None) -> None:
        # The adapter serves the heads, not the language.
        self._model = EmbeddedModel((), adapted=False) if model is None else model
        self._closes_model = True

    @property
    def model(self) -> LocalModel:
        """The model that reads."""
        return self._model

    def using(self, model: LocalModel) -> "LocalLanguageModel":
        """Return the same over a prepared model, which it does not close."""
        language_model = LocalLanguageModel(model)
        language_model._closes_model = False
        return language_model

    @property
    def name(self) -> str:
        """Return the name as a user writes it."""
        return self._model.name

    @property
    def fingerprint(self) -> str:
        """Return an identity of the weights."""
        return f"language-model-{_VERSION}:{self._model.fingerprint}"

    async def prepare(self) -> None:
        """Load the weights.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: no model can be had from there.
        """
        await self._model.prepare()

    async def token_logprobs(self, texts: Sequence[TextInContext]) -> list[list[TokenLogprob]]:
        """Return for each text its tokens in order.

        Raises:
            TooLongError: the memory is too small.
            ModelError: the tokenizer does not tell where its tokens stand.
        """
        if not texts:
            return []
        return await self._model.on_raw_text(lambda raw: _token_logprobs(raw, texts))

    async def aclose(self) -> None:
        """Free the weights, unless the model serves others too."""
        if self._closes_model:
            await self._model.aclose()


def _token_logprobs(raw: RawText, texts: Sequence[TextInContext]) -> list[list[TokenLogprob]]:
    window = min(_WINDOW, raw.window or _WINDOW)
    places: list[list[tuple[int, int]]] = []
    parts: list[list[tuple[list[int], int]]] = []
    for text in texts:
        before, tokens = _encoded(raw, text, window)
        places.append([(start, end) for _, start, end in tokens])
        parts.append(list(_parts(before, [token for token, _, _ in tokens], window)))
    outcomes, _ = raw.forward.token_logprobs(list(chain.from_iterable(parts)), _AT_ONCE)
    numbers: list[list[float]] = []
    for outcome in outcomes:
        if isinstance(outcome, ModelError):
            raise outcome
        numbers.append(outcome.tolist())
    remaining = iter(numbers)
    tokens_of = []
    for token_places, text_parts in zip(places, parts, strict=True):
        logprobs = chain.from_iterable(next(remaining) for _ in text_parts)
        tokens_of.append([TokenLogprob(*place, value) for place, value in zip(token_places, logprobs, strict=True)])
    return tokens_of


def _encoded(raw: RawText, text: TextInContext, window: int) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Return the tokens of the context's end, and those of the text with their places in it."""
    context, content = sendable(text.context), sendable(text.text)
    # A word's first token has the space before it.
    gap = " " if context.endswith(" ") else ""
    tokens = raw.encode_with_places(gap + content)
    if gap:
        tokens = [(token, max(start, 1) - 1, end - 1) for token, start, end in tokens if end > 1]
    return raw.encode_end(context.removesuffix(" "), window - window // 2 - 4), tokens


def _parts(before: list[int], tokens: list[int], window: int) -> Iterator[tuple[list[int], int]]:
    """Yield the tokens in parts of half a window, each after as many before it: the ids, and the first scored one."""
    ids, most = [*before, *tokens], window // 2
    for start in range(len(before), len(ids), most):
        first = max(0, start - (window - most))
        yield ids[first : start + most], start - first
