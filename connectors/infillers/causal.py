"""Infilling with a causal model: words that are likely after the text before the hole, ranked by the text behind.

The score of a fill is log p(fill | before) + log p(the next words | before, fill), both with weight one: up to a
constant, the log-probability of the fill given both sides. Three words behind tell as much as ten (34 sentences). Where
the hole has several words, fills of different lengths compete, and the first term is the fill's mean over its tokens,
times the tokens of the old words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import regex

from convexplain.connectors.models.embedded import EmbeddedModel
from convexplain.connectors.models.local import LocalModel
from convexplain.connectors.models.prefix_tree import Node, common_length
from convexplain.connectors.models.raw_text import RawText
from convexplain.errors import ModelError
from convexplain.fidelity.edits import words
from convexplain.models.infilling import Masked

from . import fills
from .kind import InfillerKind

if TYPE_CHECKING:
    import torch

VERSION = 3  # of what is made out of the same weights
_BEFORE = 512  # tokens before a hole that are read
_READ = 4096  # characters before a hole from which these tokens come
_FIRST = 10  # first words that are tried in addition to k
_BEGINNINGS = 4  # first words in addition to k from which a hole of several words is continued
_PIECES = 2  # times that an unfinished word is continued
_UNFINISHED, _MERE_PIECE = 0.5, 0.9  # probability that the word goes on
_MAX_CHAIN = 64  # holes whose next words come from one forward pass
_SHORT, _BEHIND = 16, 200  # tokens; characters behind a hole that are read first if fewer tokens are before it
_LEAD = "Message:"  # the beginning of a text without a history
_AFTER = regex.compile(r"\s*+(?:\S++\s*+){0,3}")
_AFTER_LONGEST = 24  # characters
_FEW, _LONGEST = 3, 40  # words of a hole: up to which one word may fill it; beyond which fills grow no longer
_LETTER, _WORD = regex.compile(r"\p{L}"), regex.compile(r"\w")
_STOP = regex.compile(r"[.!?…]['\"”’)*_]*(?=\s|$)|[。！？]['\"”’」』）]*")


class RawModel(LocalModel):
    """A local model that need not be a chat model."""

    chats = False


class CausalInfiller:
    """Fills holes with a causal language model of `transformers`.

    Args:
        model: a local model, perhaps one that also judges; or a folder or repository of weights, which need not be a
            chat model's. The embedded model unless given.
    """

    def __init__(self, model: LocalModel | str | Path | None = None) -> None:
        if model is None:
            model = EmbeddedModel((), adapted=False)  # the adapter serves the heads, not the language
        self._model = model if isinstance(model, LocalModel) else RawModel(model, name=f"causal:{model}")
        self._closes_model = True

    @property
    def model(self) -> LocalModel:
        """The model that fills."""
        return self._model

    def using(self, model: LocalModel) -> "CausalInfiller":
        """Return the same infiller over a prepared model, which it does not close."""
        infiller = CausalInfiller(model)
        infiller._closes_model = False
        return infiller

    @property
    def name(self) -> str:
        """Return the name as a user writes it."""
        name = self._model.name
        return name if name == "embedded" or name.startswith("causal:") else f"causal:{name.removeprefix('local:')}"

    @property
    def fingerprint(self) -> str:
        """Return an identity of the weights."""
        return f"causal-infiller-{VERSION}:{self._model.fingerprint}"

    async def prepare(self) -> None:
        """Load the weights.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: no model can be had from there.
        """
        await self._model.prepare()

    async def infill(self, masked: Sequence[Masked], k: int) -> list[list[str]]:
        """Return at most k fills for each hole, best first. Raises TooLongError if the memory is too small."""
        if not masked or k < 1:
            return [[] for _ in masked]
        return await self._model.on_raw_text(lambda raw: self._fill(raw, masked, k))

    async def aclose(self) -> None:
        """Free the weights, unless the model serves others too."""
        if self._closes_model:
            await self._model.aclose()

    def _fill(self, raw: RawText, masked: Sequence[Masked], k: int) -> list[list[str]]:
        if self._model not in _VOCABULARIES:
            _VOCABULARIES[self._model] = _Vocabulary(raw)
        return _Filling(raw, _VOCABULARIES[self._model], k).fill(masked)


@dataclass(slots=True)
class _Hole:
    """One hole while it is being filled.

    Attributes:
        masked: the hole in its text.
        ids: tokens of the text before it.
        gap: the white space that a fill's first token brings with it.
        opening: the old words' opening punctuation; it counts as text before the hole.
        after: the first words behind the hole.
        place: the node of the prefix tree before the hole.
        logprobs: log-probabilities of the next token there.
        begins: probable first tokens of a fill, best first.
        scores: the score of each fill so far.
    """

    masked: Masked
    ids: list[int]
    gap: str
    opening: str
    after: str
    place: Node
    logprobs: "torch.Tensor"
    begins: list[int]
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def words(self) -> int:
        return len(words(self.masked.old))


class _Vocabulary:
    """Masks over the tokens: which of them may begin or continue a word."""

    def __init__(self, raw: RawText) -> None:
        self.special = raw.special_tokens()
        self._words = raw.token_texts
        self.inner = self._fit(r"['’-]?\w.*")  # a word goes on
        self._openers: dict[tuple[str, str], torch.Tensor] = {}

    def openers(self, gap: str, old: str) -> "torch.Tensor":
        """Return a mask of the tokens that begin a fill: with a letter or a digit where the old words have one."""
        first = r"\p{L}" if _LETTER.search(old) else r"\w" if _WORD.search(old) else r"\S"
        if (gap, first) not in self._openers:
            self._openers[gap, first] = self._fit(rf"{gap}[^\w\s]*{first}\S*+")
        return self._openers[gap, first]

    def _fit(self, pattern: str) -> "torch.Tensor":
        import torch

        fits = regex.compile(pattern).fullmatch
        usable = (text if i not in self.special and "\ufffd" not in text else "" for i, text in enumerate(self._words))
        return torch.tensor([fits(text) is not None for text in usable])


_VOCABULARIES: "WeakKeyDictionary[LocalModel, _Vocabulary]" = WeakKeyDictionary()


class _Filling:
    """The work of one call, in the model's thread."""

    def __init__(self, raw: RawText, vocabulary: _Vocabulary, k: int) -> None:
        self._raw = raw
        self._vocabulary = vocabulary
        self._k = k
        self._limit = min(_BEFORE, raw.window // 2) if raw.window else _BEFORE

    def fill(self, masked: Sequence[Masked]) -> list[list[str]]:
        """Return the fills of each hole. Holes whose beginnings extend each other are read in one pass."""
        texts = [self._read(hole) for hole in masked]
        filled: dict[int, list[str]] = {}
        for chain in _chains([ids for ids, _, _ in texts]):
            places = self._raw.forward.prefix_outputs(texts[chain[-1]][0], [len(texts[i][0]) for i in chain])
            for i, (place, logits) in zip(chain, places, strict=True):
                filled[i] = self._fills(self._hole(masked[i], *texts[i], place, logits))
        return [filled[i] for i in range(len(masked))]

    def _read(self, masked: Masked) -> tuple[list[int], str, str]:
        """Return the tokens before the hole, the white space of a fill's first token, and opening punctuation."""
        text, opening = masked.context + masked.before, fills.parts(fills.neutralize(masked.old))[0]
        # Cut in steps, so that the tokens of neighbouring holes begin at one place.
        text = fills.neutralize(text[max(0, len(text) // _READ - 1) * _READ :]) + opening
        text = text if text.strip() else f"{_LEAD} "
        gap = " " if text.endswith(" ") else ""
        return self._raw.encode_end(text.removesuffix(" "), self._limit), gap, opening

    def _hole(
        self, masked: Masked, ids: list[int], gap: str, opening: str, place: Node, logits: "torch.Tensor"
    ) -> _Hole:
        allowed = self._vocabulary.openers(gap, masked.old)
        tries = min(_FIRST + self._k + len(masked.avoid), int(allowed.sum()))

        def best(logits: "torch.Tensor") -> list[int]:
            masked_logits = logits[: len(allowed)].masked_fill(~allowed, float("-inf"))
            tokens: list[int] = masked_logits.topk(tries).indices.tolist()
            return tokens

        begins = best(logits)
        behind = fills.neutralize(masked.after[:_BEHIND]).strip()
        if len(ids) < _SHORT and behind:  # a text's beginning says little of what it will be about
            hint = self._raw.encode_following(f"\n\n{_LEAD} ...{behind}")
            ((_, hinted),) = self._raw.forward.prefix_outputs([*hint, *ids], [len(hint) + len(ids)])
            both = zip(begins, best(hinted), strict=True)
            begins = list(dict.fromkeys(token for pair in both for token in pair))[: tries + _FIRST // 2]
        logprobs = logits.log_softmax(-1)[: len(allowed)]
        return _Hole(masked, ids, gap, opening, _next_words(masked.after), place, logprobs, begins)

    def _fills(self, hole: _Hole) -> list[str]:
        if hole.words <= _FEW:
            self._score(hole, [self._raw.token_texts[i].strip() for i in hole.begins], _PIECES)
        if hole.words > 1:
            self._score(hole, list(self._continued(hole)), 0)
        ranked = sorted(hole.scores, key=lambda fill: -hole.scores[fill])
        return fills.choose(ranked, hole.masked, self._k)

    def _score(self, hole: _Hole, candidates: Sequence[str], pieces: int) -> None:
        """Score candidates; those that end inside a word are continued, `pieces` times."""
        todo = {}
        for fill in fills.usable_fills(candidates, hole.masked):
            ids = self._tokens(hole, fill + hole.after)
            if ids and fill not in hole.scores:
                todo[fill] = ids
        further = []
        branches = self._raw.forward.branches(hole.place, [*todo.values()]) if todo else []
        for (fill, ids), logits in zip(todo.items(), branches, strict=True):
            logprobs = logits.log_softmax(-1)
            steps = [float(hole.logprobs[ids[0]]), *logprobs[range(len(ids) - 1), ids[1:]].tolist()]
            core = hole.opening + fills.parts(fill)[1]
            word, end = (max(1, common_length(self._tokens(hole, text), ids)) for text in (core, fill))
            after_word = logprobs[word - 1, : len(hole.logprobs)].masked_fill(~self._vocabulary.inner, float("-inf"))
            goes_on = float(after_word.exp().sum()) if pieces and not hole.after[0].isalnum() else 0.0
            if goes_on > _UNFINISHED:
                further.append(fills.parts(fill)[1] + self._raw.token_texts[int(after_word.argmax())])
            if goes_on < _MERE_PIECE:
                fill_logprob, after_logprob = sum(steps[:end]), sum(steps[end:])
                if hole.words > 1:
                    fill_logprob *= len(self._tokens(hole, hole.masked.old)) / end
                hole.scores[fill] = fill_logprob + after_logprob
        if further:
            self._score(hole, further, pieces - 1)

    def _tokens(self, hole: _Hole, text: str) -> list[int]:
        """Return the tokens of a fill and of the text behind it, as they follow the text before the hole."""
        return self._raw.encode_following(hole.gap + fills.neutralize(text).removeprefix(hole.opening))

    def _continued(self, hole: _Hole) -> Iterator[str]:
        """Yield greedy continuations of several first words, cut at lengths near the hole's."""
        vocabulary, most = self._raw.token_texts, min(hole.words, _LONGEST) + 2
        starts = hole.begins[: _BEGINNINGS + self._k]
        room = min(3 * most, (self._raw.window or 10 * _BEFORE) - len(hole.ids) - 8)

        def choose(i: int, new: Sequence[int], logits: "torch.Tensor") -> int | None:
            text = "".join(vocabulary[j] for j in (starts[i], *new))
            token = int(logits.argmax())
            full = len(words(text)) > most or len(new) > room or "\n" in text
            return None if full or token in self._vocabulary.special or token >= len(vocabulary) else token

        continuations, _ = self._raw.forward.generate([[*hole.ids, i] for i in starts], choose)
        for start, new in zip(starts, continuations, strict=True):
            if not isinstance(new, ModelError):
                yield from _cuts("".join(vocabulary[j] for j in (start, *new)).strip(), hole.masked, most)


def _cuts(text: str, masked: Masked, most: int) -> Iterator[str]:
    """Yield beginnings of a continuation: full sentences if the old words end one, else as long as the hole."""
    line = text.splitlines()[0] if text else ""
    ends = [stop.end() for stop in _STOP.finditer(line)]
    n = min(len(words(masked.old)), _LONGEST)
    if _STOP.search(masked.old[-8:].rstrip()):
        sentences = [line[:end] for end in ends if len(words(line[:end])) <= most]
        yield from {*sentences[:1], *sentences[-1:]}
        if sentences:
            return
    elif ends:
        line = line[: ends[0]]  # a fill inside a sentence does not go beyond it
    available = min(len(words(line)), most)
    for length in sorted({min(max(1, n + change), available) for change in (-1, 0, 1)} - {0}):
        yield fills.first_words(line, length)


def _next_words(after: str) -> str:
    """Return the first words behind a hole; a line break at the end of a text."""
    match = _AFTER.match(fills.neutralize(after[: 4 * _AFTER_LONGEST]))
    text = match[0].rstrip() if match else ""
    if len(text) > _AFTER_LONGEST:
        cut = text[: _AFTER_LONGEST + 1]
        text = cut.rpartition(" ")[0].rstrip() or cut
    return text or "\n"


def _chains(begins: Sequence[list[int]]) -> Iterator[list[int]]:
    """Yield the indices of sequences of which each extends the one before, shortest first."""
    chain: list[int] = []
    for i in sorted(range(len(begins)), key=lambda i: begins[i]):
        if chain and (len(chain) == _MAX_CHAIN or begins[i][: len(begins[chain[-1]])] != begins[chain[-1]]):
            yield chain
            chain = []
        chain.append(i)
    if chain:
        yield chain


EMBEDDED = InfillerKind(
    "embedded", "The embedded model, SmolLM2-135M-Instruct.", make=lambda target, cache: CausalInfiller()
)
CAUSAL = InfillerKind(
    "causal",
    "A causal language model of `transformers`.",
    "REPO_OR_FOLDER",
    make=lambda target, cache: CausalInfiller(target),
)
