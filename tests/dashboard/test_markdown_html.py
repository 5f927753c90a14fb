"""Markdown of logs as HTML: without markup, links and images of the log; shades find their words."""

import re

import pytest

from convexplain.dashboard.ui.markdown_html import markdown_html
from convexplain.dashboard.ui.shading import ShadedText
from convexplain.report.shades import Piece, Shade

from .sample_stores import HOSTILE

LOWERS = Shade("word", "-", 1.0, 0.5, False, False)
MARK = '<span class="cx-down" style="--a:0.55">'


def rendered(text):
    return markdown_html(ShadedText([Piece(text, None)]), 0, len(text)).strip()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Hi **there**, *you*", "<p>Hi <strong>there</strong>, <em>you</em></p>"),
        ("one\ntwo", "<p>one<br />\ntwo</p>"),
        ("one\r\ntwo", "<p>one<br />\ntwo</p>"),
        ("# Title\n\ntext", '<p class="cx-h">Title</p>\n<p>text</p>'),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("`a < b`", "<p><code>a &lt; b</code></p>"),
        ("```py\nif a < b:\n    c\n```", '<pre><div class="cx-soft">py</div><code>if a &lt; b:\n    c\n</code></pre>'),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("~~old~~ \\*no\\*", "<p><s>old</s> *no*</p>"),
        ("[here](https://evil.example)", "<p>[here](https://evil.example)</p>"),
        ("![x](https://evil.example/a.png)", "<p>![x](https://evil.example/a.png)</p>"),
        ("<https://evil.example>", "<p>&lt;https://evil.example&gt;</p>"),
        ("[a]: https://evil.example\n[a]", "<p>[a]: https://evil.example<br />\n[a]</p>"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("<div onload=x>\n\ny", "<p>&lt;div onload=x&gt;</p>\n<p>y</p>"),
        ("&lt;b&gt;", "<p>&amp;lt;b&amp;gt;</p>"),  # as the judge read it
        ("a\u202eb\x1b", "<p>a\ufffdb\ufffd</p>"),
    ],
)
def test_what_is_rendered(text, html):
    assert rendered(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "|a|\n|-|\n|x|You are fired|\n",  # a cell without a column
        "|a|\n|-|\n|x|\U0001f621|",
        "> " * 25 + "hidden words",  # deeper than the parser goes
        "Fine.\n\n" + "- " * 25 + "hidden words",
    ],
)
def test_words_that_the_parser_drops_are_shown_in_the_source(text):
    assert rendered(text) == f"<pre>{text.replace('>', '&gt;')}</pre>"


@pytest.mark.parametrize(
    "text",
    [
        "7. a\n8) b\n   ~~~ py x\n   c\n   ~~~",
        "a\n===\n\n***\n\n    d\n\n1986\\. é\u0301 `` e ` f `` \\| &amp;\\\ng",
        "|a\\|b|c|\n|:-|-:|\n|**x**|`y\\|z`|\n|w|",
    ],
)
def test_markdown_that_keeps_its_words_is_rendered(text):
    assert not rendered(text).startswith("<pre>")


def test_a_table():
    html = rendered("| a | b |\n|---|:-:|\n| 1 | **2** |")
    assert re.sub(r"\s*\n\s*", "", html) == (
        '<table><thead><tr><th>a</th><th style="text-align:center">b</th></tr></thead>'
        '<tbody><tr><td>1</td><td style="text-align:center"><strong>2</strong></td></tr></tbody></table>'
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text):
    html = rendered(text[:3000])
    tags = set(re.findall(r"<(/?\w+)([^>]*)>", html))
    assert {name.lstrip("/") for name, _ in tags} <= {
        "p", "br", "pre", "code", "div", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert {attributes.strip() for _, attributes in tags} <= {"", "/", 'class="cx-soft"', 'class="cx-h"'}


@pytest.mark.parametrize(
    ("before", "words", "after", "html"),
    [
        ("Please ", "wait", " here.", f"<p>Please {MARK}wait</span> here.</p>"),
        ("", "Wait. ", "Now.", f"<p>{MARK}Wait. </span>Now.</p>"),
        ("It was **sent ", "on Mon", "day**.", f"<p>It was <strong>sent {MARK}on Mon</span>day</strong>.</p>"),
        ("a *b* ", "c *d", "* e", f"<p>a <em>b</em> {MARK}c </span><em>{MARK}d</span></em> e</p>"),
        ("- one\n- ", "two", "", f"<ul>\n<li>one</li>\n<li>{MARK}two</span></li>\n</ul>"),
        ("x `a ", "b", "` y", f"<p>x <code>a {MARK}b</span></code> y</p>"),
        ("|a|\r\n|-|\r\n|x|", "y", "|", f"<pre>|a| \n|-| \n|x|{MARK}y</span>|</pre>"),
        ("```\na\n", "b", "\n```", f"<pre><code>a\n{MARK}b</span>\n</code></pre>"),
        ("no\r\n", "yes", "", f"<p>no<br />\n{MARK}yes</span></p>"),
        ("a \\* b ", "c", "", f"<p>a * b {MARK}c</span></p>"),
        ("|a|\n|-|\n|x|", "y", "|", f"<pre>|a|\n|-|\n|x|{MARK}y</span>|</pre>"),
        ("the same, the ", "same", "", f"<p>the same, the {MARK}same</span></p>"),
    ],
)
def test_shades_find_their_words(before, words, after, html):
    pieces = [Piece(text, shade) for text, shade in ((before, None), (words, LOWERS), (after, None)) if text]
    text = before + words + after
    assert markdown_html(ShadedText(pieces), 0, len(text)).strip() == html


def test_a_passage_of_a_longer_text():
    shaded = ShadedText([Piece("skip **a** ", None), Piece("b", LOWERS), Piece(" end", None)])
    assert markdown_html(shaded, 5, 12).strip() == f"<p><strong>a</strong> {MARK}b</span></p>"
    assert (shaded.is_shaded(0, 11), shaded.is_shaded(11, 12), shaded.is_shaded(12, 16)) == (False, True, False)
