"""Editing by exchange: a sentence of another assistant turn of the same logs comes into the passage's place."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np
import regex
from numpy.typing import NDArray

from convexplain.explain.facts import Fact, capitalised_words, facts
from convexplain.models.editing import Editor, Embedding, Passage, ScoredSentence
from convexplain.text.segmentation import core, segment

from .kind import EditorKind, EditorResources
from .mending import in_code, is_balanced
from .sentence_vectors import VERSION as VECTORS_VERSION
from .sentence_vectors import word_vectors

VERSION = 2  # of the rules
FLOOR = 0.65
"""The least cosine. Read on three logs: above it neighbours mostly speak of the same matter; less so in small talk."""

_MOST = 5000  # sentences that are compared; of more, equally many in between are left out
_SHORTEST, _LONGEST = 0.5, 2.0  # times the passage's length, in characters
_END = regex.compile(r"([.!?…。！？])['\"”’)*_」』]*$")
_QUESTION = ("?", "？")
_WORD = regex.compile(r"\w+")
_MARKED = regex.compile(r"(?:[-*+•·–>#|]|\d{1,3}[.)])\s|[-*+•|#>]$|```")

Vectors: TypeAlias = dict[str, NDArray[np.float64]]


class SwapEditor:
    """Proposes a turn with the sentence exchanged for one of the same logs: close in meaning, nearest first.

    It comes from another conversation, out of a turn on the side of the threshold that the edit is to reach; it is half
    to twice as long, ends alike, and states no number, code, name or address that this conversation does not have up to
    the passage's turn. A word with a capital counts as a name unless it is there, or some sentence has it in small
    letters. Of a passage that is a whole turn, a list item, a heading, a row or code it proposes nothing.

    Args:
        sentences: sentences of assistant turns of the logs, with their turns' scores on each maxim.
        embedding: vectors of texts; by default those of `word_vectors`, which need no model.
    """

    name = "swap"
    error = ""

    def __init__(self, sentences: Sequence[ScoredSentence], embedding: Embedding = word_vectors) -> None:
        self._sentences = tuple(sentences[:: -(-len(sentences) // _MOST)]) if sentences else ()
        self._embedding = embedding
        self._small_words = frozenset[str]().union(*(_small_words(sentence.text) for sentence in sentences))
        self._vectors: Vectors = {}

    @property
    def fingerprint(self) -> str:
        """Return an identity of the rules; what is proposed depends on the sentences and the embedding too."""
        return f"swap-editor-{VERSION}.{VECTORS_VERSION}"

    async def prepare(self) -> None:
        """Do nothing: there is nothing to load."""

    async def propose(self, passages: Sequence[Passage], k: int) -> list[list[str]]:
        """Return for each passage at most k texts of its turn."""
        return await asyncio.to_thread(self._propose, passages, k)

    async def aclose(self) -> None:
        """Do nothing: nothing is held."""

    def _propose(self, passages: Sequence[Passage], k: int) -> list[list[str]]:
        candidates = [self._candidates(passage) for passage in passages]
        if not any(candidates):
            return [[] for _ in passages]
        vectors = self._with_vectors(passages)
        return [
            list(islice(self._edited(passage, row, vectors), k)) if row else []
            for passage, row in zip(passages, candidates, strict=True)
        ]

    def _candidates(self, passage: Passage) -> list[str]:
        """Return the sentences that may come into the passage's place, whatever they are about."""
        content, text = passage.turns[passage.unit.turn].content, passage.text.strip()
        if passage.unit.level == "turn" or not _WORD.search(text) or _MARKED.match(text):
            return []
        if in_code(content, passage.unit.start):
            return []
        same = _ids_of(passage, self._sentences)
        return [
            sentence.text
            for sentence in self._sentences
            if sentence.conversation_id not in same
            and sentence.rubric == passage.rubric.id
            and (sentence.score >= passage.rubric.threshold) == passage.upward
            and _is_alike(sentence.text, text)
            and not any(sentence.text in turn.content for turn in passage.turns)
        ]

    def _with_vectors(self, passages: Sequence[Passage]) -> Vectors:
        """Return the vectors of all sentences, those of the passages' turns included: all of one space."""
        needed = {passage.text.strip() for passage in passages}
        if not needed <= self._vectors.keys():
            contents = dict.fromkeys(turn.content for passage in passages for turn in passage.turns)
            near = [unit.of(content).strip() for content in contents for unit in segment(content, "sentence")]
            texts = list(dict.fromkeys((*needed, *near, *(sentence.text for sentence in self._sentences))))
            self._vectors = dict(zip(texts, map(_unit_vector, self._embedding(texts)), strict=True))
        return self._vectors

    def _edited(self, passage: Passage, candidates: Sequence[str], vectors: Vectors) -> Iterator[str]:
        """Yield the turn with each candidate that is near enough in the passage's place, nearest first."""
        content = passage.turns[passage.unit.turn].content
        start, end = core(content, passage.unit)
        texts = list(dict.fromkeys(candidates))
        closeness = np.array([vectors[text] for text in texts]) @ vectors[content[start:end]]
        before = [turn.content for turn in passage.turns[: passage.unit.turn + 1]]
        stated = frozenset[Fact]().union(*map(facts, before))
        words = self._small_words | frozenset(_WORD.findall(" ".join(before).casefold()))
        seen = {_key(content[start:end])}
        for i in np.argsort(-closeness, kind="stable"):
            text = texts[i]
            if closeness[i] < FLOOR:
                return
            edited = content[:start] + text + content[end:]
            if _key(text) in seen or edited in passage.refused:
                continue
            if words.issuperset(_WORD.findall(" ".join(capitalised_words(text)))) and _is_licensed(facts(text), stated):
                seen.add(_key(text))
                yield edited


def _ids_of(passage: Passage, sentences: Iterable[ScoredSentence]) -> set[str]:
    """Return the ids of conversations whose sentences up to the judged turn are all in the passage's conversation."""
    earlier = [sentence for sentence in sentences if sentence.turn <= passage.judged]
    present = {sentence for sentence in earlier if sentence.text in passage.turns[sentence.turn].content}
    absent = {sentence.conversation_id for sentence in earlier if sentence not in present}
    return {sentence.conversation_id for sentence in present} - absent


def _is_alike(sentence: str, text: str) -> bool:
    """Return True where a sentence has the form of another: its length, its ending, no marks of a list."""
    if not _SHORTEST * len(text) <= len(sentence) <= _LONGEST * len(text):
        return False
    endings = [match[1] if (match := _END.search(part)) else "" for part in (sentence, text)]
    if bool(endings[0]) != bool(endings[1]) or (endings[0] in _QUESTION) != (endings[1] in _QUESTION):
        return False
    return not _MARKED.match(sentence) and is_balanced(sentence)


def _is_licensed(stated: Iterable[Fact], present: Iterable[Fact]) -> bool:
    """Return True where each number, code, name or address is there already."""
    return all(fact.kind == "negation" or any(fact.agrees(mention) for mention in present) for fact in stated)


def _small_words(text: str) -> set[str]:
    """Return the words of a text that stand there in small letters."""
    return {word for word in _WORD.findall(text) if word.islower()}


def _key(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _unit_vector(vector: Sequence[float]) -> NDArray[np.float64]:
    """Return the vector with length 1; one of length 0 stays."""
    array = np.asarray(vector, dtype=np.float64)
    return array / (np.linalg.norm(array) or 1.0)


def _make(target: str, resources: EditorResources) -> Editor:
    return SwapEditor(resources.sentences, resources.embedding or word_vectors)


SWAP = EditorKind("swap", "A sentence of another assistant turn of the same logs in the place of one.", make=_make)
