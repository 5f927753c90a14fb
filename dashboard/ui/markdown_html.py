"""Markdown of untrusted text as HTML, with the shades of an attribution.

Text of logs stays text: there is no raw HTML, and no link or image, so a page loads nothing that a log names. Headings
are bold lines, for they are no headings of the page. Where the parser drops words (cells that a table has no column
for, very deep quotes), the source is shown instead: people see all that the judge read. The shades have places in the
Markdown's source; each leaf of the rendered text is looked up there, in order, within the lines of its block.
"""

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from string import punctuation
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from convexplain.text.visible import visible

from .safe_text import escaped
from .shading import ShadedText

_LEAVES = ("text", "text_special", "code_inline")
_CODE = ("fence", "code_block")
_OFF = ("image", "link", "autolink", "html_inline", "html_block", "entity", "reference", "text_join")


def markdown_html(shaded: ShadedText, start: int, end: int) -> str:
    """Return the Markdown `shaded.text[start:end]` as HTML."""
    # Of the same length, so that places stay: carriage returns are line ends of the Markdown too.
    source = visible(shaded.text[start:end].replace("\r\n", " \n").replace("\r", "\n"))
    tokens = _parser().parse(source)
    if _words(source) != _words("".join(map(_text, tokens))):
        return f"<pre>{shaded.html(start, end)}</pre>\n"
    _place(tokens, source)
    html: str = _parser().renderer.render(tokens, _parser().options, {"shaded": shaded, "start": start})
    return html


class _Renderer(RendererHTML):
    """Writes text with its shades; methods are found by the names of tokens."""

    def text(self, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
        return _leaf(tokens[i], env)

    text_special = text

    def code_inline(self, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
        return f"<code>{_leaf(tokens[i], env)}</code>"

    def code_block(self, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
        return f"<pre><code>{_lines(tokens[i], env)}</code></pre>\n"

    def fence(self, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
        language = tokens[i].info.strip()
        name = f'<div class="cx-soft">{escaped(language, 60)}</div>' if language else ""
        return f"<pre>{name}<code>{_lines(tokens[i], env)}</code></pre>\n"

    def heading_open(self, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
        return '<p class="cx-h">'

    def heading_close(self, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
        return "</p>\n"


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    return parser.enable(["table", "strikethrough"]).disable(_OFF)


def _words(text: str) -> str:
    """Return the text without white space and the signs that Markdown may take away."""
    return "".join(character for character in text if not character.isspace() and character not in punctuation)


def _text(token: Token) -> str:
    """Return what is shown of a token: its leaves, the number of a list's item, code with its language."""
    leaves = "".join(leaf.content for leaf in token.children or [] if leaf.type in _LEAVES)
    return f"{token.info}{token.content if token.type in _CODE else ''}{leaves}"


def _place(tokens: Sequence[Token], source: str) -> None:
    """Write into each leaf the place of its text in the source (`at`; of code, of each line); None where it is not."""
    lines = list(accumulate((len(line) + 1 for line in source.split("\n")), initial=0))
    place = end = 0
    for token in tokens:
        if token.map is not None:
            place, end = max(place, lines[token.map[0]]), min(len(source), lines[token.map[1]])
        for leaf in token.children or []:
            if leaf.type in _LEAVES and leaf.content:
                place = _find(leaf, leaf.content, source, place, end)
        if token.type in _CODE:
            for line in token.content.split("\n"):
                place = _find(token, line, source, place, end)


def _find(token: Token, text: str, source: str, place: int, end: int) -> int:
    at = source.find(text, place, end) if text else -1
    token.meta.setdefault("at", []).append(None if at < 0 else at)
    return place if at < 0 else at + len(text)


def _leaf(token: Token, env: Any) -> str:
    (at,) = token.meta.get("at") or [None]
    return _passage(token.content, at, env)


def _lines(token: Token, env: Any) -> str:
    lines = zip(token.content.split("\n"), token.meta.get("at", ()), strict=True)
    return "\n".join(_passage(line, at, env) for line, at in lines)


def _passage(text: str, at: int | None, env: Any) -> str:
    if at is None:
        return escaped(text, len(text))
    start = env["start"] + at
    html: str = env["shaded"].html(start, start + len(text))
    return html
