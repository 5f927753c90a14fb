"""Parsers that find phrases: spaCy's dependency parse. Without one, the rules of `text.segmentation` find them."""

from collections.abc import Iterable
from typing import Any

from convexplain.errors import MissingExtraError, UnavailableError, UsageError

PHRASES = "rules, spacy:PIPELINE"


class SpacyPhrases:
    """Phrase beginnings by spaCy: the root of each sentence, and the left edge of each part that depends on it.

    Args:
        pipeline: the name of an installed spaCy pipeline with a parser (`en_core_web_sm`), or a loaded pipeline.

    Raises:
        MissingExtraError: spaCy is not installed.
        UnavailableError: there is no such pipeline, or it has no parser.
    """

    def __init__(self, pipeline: str | Any) -> None:
        self._parse = _load(pipeline) if isinstance(pipeline, str) else pipeline
        if not self._parse.has_pipe("parser"):
            raise UnavailableError(f"spacy:{self._parse.meta.get('name', pipeline)}: the pipeline has no parser")

    def __call__(self, text: str) -> Iterable[int]:
        """Return the offsets at which phrases begin, in order; empty for a text without words."""
        roots = [token for token in self._parse(text) if token.head.i == token.i]
        return sorted({root.idx for root in roots} | {child.left_edge.idx for root in roots for child in root.children})


def _load(name: str) -> Any:
    try:
        import spacy
    except ImportError as error:
        raise MissingExtraError("A parser for phrases", "phrases") from error
    try:
        return spacy.load(name, exclude=["ner", "lemmatizer"])
    except OSError as error:
        raise UnavailableError(f"spacy:{name}: {error}") from error


def open_phrases(name: str) -> SpacyPhrases | None:
    """Return the parser of this name; None for `rules`.

    Raises:
        UsageError: the name is not valid.
        MissingExtraError, UnavailableError: as `SpacyPhrases`.
    """
    if name == "rules":
        return None
    kind, _, pipeline = name.partition(":")
    if kind == "spacy" and pipeline:
        return SpacyPhrases(pipeline)
    raise UsageError(f"phrases={name!r} is not valid; valid are: {PHRASES}")
