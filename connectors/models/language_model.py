"""A local model as a model of language: how probable each token of a text is after what stands before it."""

from collections.abc import Sequence

from convexplain.errors import ModelError
from convexplain.models.chat import sendable
from convexplain.models.editing import TextInContext, TokenLogprob

from .embedded import EmbeddedModel
from .local import LocalModel
from .raw_text import RawText

_VERSION = 1  # of what is made out of the same weights
_WINDOW = 1_024  # tokens of context and text together, where the model's own window is not smaller
_AT_ONCE = 384  # scored tokens in one forward pass: a token alone costs a CPU what ten cost


class LocalLanguageModel:
    """Reads plain text, without the chat template, with a local model.

    Of a context that is too long the end is read, of a text that is too long the last tokens are scored. Control tokens
    that a text spells out are text. The beginnings that contexts share are computed once.

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
        """Return for each text its tokens in order; of a text that is too long only the last ones.

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
    pairs: list[tuple[list[int], int]] = []
    places: list[list[tuple[int, int]]] = []
    for text in texts:
        before, tokens = _encoded(raw, text, window)
        places.append([(start, end) for _, start, end in tokens])
        pairs.append(([*before, *(token for token, _, _ in tokens)], len(before)))
    todo = [i for i in range(len(texts)) if places[i]]
    outcomes, _ = raw.forward.token_logprobs([pairs[i] for i in todo], _AT_ONCE)
    tokens_of: list[list[TokenLogprob]] = [[] for _ in texts]
    for i, outcome in zip(todo, outcomes, strict=True):
        if isinstance(outcome, ModelError):
            raise outcome
        numbers = outcome.tolist()
        tokens_of[i] = [TokenLogprob(*place, value) for place, value in zip(places[i], numbers, strict=True)]
    return tokens_of


def _encoded(raw: RawText, text: TextInContext, window: int) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Return the tokens before the scored ones, and these with their places in the text."""
    context, content = sendable(text.context), sendable(text.text)
    # A word's first token has the space before it.
    gap = " " if context.endswith(" ") else ""
    tokens = raw.encode_with_places(gap + content)
    if gap:
        tokens = [(token, max(start, 1) - 1, end - 1) for token, start, end in tokens if end > 1]
    most = window // 2
    skipped = [token for token, _, _ in tokens[:-most]]
    before = [*raw.encode_end(context.removesuffix(" "), window - most - 4), *skipped]
    return before[-(window - most) :], tokens[-most:]
