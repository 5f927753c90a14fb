import builtins
from types import SimpleNamespace

import pytest

from convexplain.connectors.phrase_parsers import SpacyPhrases, open_phrases
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.explain.unit_levels import unit_levels
from convexplain.text.segmentation import segment
from convexplain.types import Conversation, Turn

TEXT = "The old dog barked at the mailman loudly. It ran."


class Token(SimpleNamespace):
    """What a dependency parse says of a token, as spaCy has it."""

    def __init__(self, i, idx):
        super().__init__(i=i, idx=idx, children=[], head=self, left_edge=self)


def parsed(text):
    """[The old dog] barked [at the mailman] [loudly .]; [It] ran [.]: heads by hand."""
    words = ["The", "old", "dog", "barked", "at", "the", "mailman", "loudly", ".", "It", "ran", "."]
    heads = [2, 2, 3, 3, 3, 6, 4, 3, 3, 10, 10, 10]
    tokens, place = [], 0
    for i, word in enumerate(words):
        place = text.index(word, place)
        tokens.append(Token(i, place))
        place += len(word)
    for token, head in zip(tokens, heads, strict=True):
        if head != token.i:
            token.head = tokens[head]
            tokens[head].children.append(token)
    for token in tokens:
        inside = [other for other in tokens if _under(other, token)]
        token.left_edge = min(inside, key=lambda other: other.i)
    return tokens


def _under(token, top):
    while token is not top and token.head is not token:
        token = token.head
    return token is top


class Pipeline:
    def __init__(self, parser=True):
        self._parser = parser
        self.meta = {"name": "hand"}

    def has_pipe(self, name):
        return self._parser and name == "parser"

    def __call__(self, text):
        return parsed(text) if text == TEXT else []


def pieces(text, phrases):
    return [unit.of(text) for unit in segment(text, "phrase", 0, phrases)]


def test_phrases_are_what_hangs_on_the_root():
    assert pieces(TEXT, SpacyPhrases(Pipeline())) == [
        "The old dog ",
        "barked ",
        "at the mailman ",
        "loudly. ",
        "It ",
        "ran.",
    ]


def test_sentences_stay_whole_units_of_phrases_and_words_inside_phrases():
    talk = Conversation("c", (Turn("user", TEXT), Turn("assistant", "Yes.")))
    parts = unit_levels(talk, ("sentence", "phrase", "word"), reply=False, phrases=SpacyPhrases(Pipeline()))
    assert list(map(len, parts.units)) == [2, 6, 10]
    assert all(0 <= parent < len(parts.units[level]) for level in (0, 1) for parent in parts.parents[level + 1])


def test_offsets_inside_words_and_words_of_other_texts_do_not_count():
    assert pieces("One two three", lambda text: [1, 4, 99, -3]) == ["One ", "two three"]
    assert pieces("", lambda text: [0]) == []


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("spacy", UsageError, "valid are: rules, spacy:PIPELINE"),
        ("nltk:x", UsageError, "valid are"),
        ("", UsageError, "''"),
    ],
)
def test_names_that_mean_nothing(name, error, words):
    with pytest.raises(error, match=words):
        open_phrases(name)


def test_rules_need_nothing():
    assert open_phrases("rules") is None


def test_without_spacy_its_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name == "spacy":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"convexplain\[phrases\]"):
        open_phrases("spacy:en_core_web_sm")


def test_a_pipeline_without_a_parser():
    with pytest.raises(UnavailableError, match="spacy:hand: the pipeline has no parser"):
        SpacyPhrases(Pipeline(parser=False))
