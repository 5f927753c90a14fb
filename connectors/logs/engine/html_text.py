"""HTML, as support desks keep messages, converted to the text that people see."""

import re
from html import unescape
from html.parser import HTMLParser

from .fields import file_placeholder

# The parser is given one tag at a time: over tags that never close it would take the square of the text's length.
_TAG = re.compile(r"""</?[a-zA-Z](?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>|<[!?][^<>]*+>""")
_HTML_TAG = re.compile(
    r"</?(?:p|div|br|span|a|b|i|em|strong|[uo]l|li|img|table|html|body|h[1-6]|blockquote|pre)\b", re.I
)
_PARAGRAPHS = frozenset(("p", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre"))
_LINES = frozenset(("div", "li", "tr", "hr", "section", "article", "header", "footer"))
_HIDDEN_TAGS = frozenset(("script", "style", "head", "title", "template", "noscript"))
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_DASH = "- "


def is_html(text: str) -> bool:
    """Return whether a text surely holds HTML."""
    return _HTML_TAG.search(text) is not None


def html_to_text(html: str) -> str:
    """Return the text of HTML: paragraphs with a blank line between them, list items with a dash, links with their
    addresses, pictures as placeholders. Scripts and styles are no text.
    """
    reader = _Reader()
    html, at = _without_comments(html), 0
    for tag in _TAG.finditer(html):
        reader.add_text(html[at : tag.start()])
        reader.add_tag(tag[0])
        at = tag.end()
    reader.add_text(html[at:])
    return reader.text()


def _without_comments(html: str) -> str:
    pieces, at = [], 0
    while (begin := html.find("<!--", at)) >= 0 and (end := html.find("-->", begin + 4)) >= 0:
        pieces.append(html[at:begin])
        at = end + 3
    return "".join([*pieces, html[at:]])


class _Reader(HTMLParser):
    """Collector of the text that tags and texts show."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []
        self._line_ends = 0  # line ends at the end of what was gathered
        self._hidden_tag = ""
        self._links: list[tuple[str, int]] = []
        self._preformatted = 0

    def text(self) -> str:
        return "\n".join(line.rstrip(" ") for line in "".join(self._pieces).split("\n")).strip("\n ")

    def add_tag(self, tag: str) -> None:
        """Add a whole tag; inside a script only the tag that ends it counts."""
        if not self._hidden_tag or tag.lower().startswith(f"</{self._hidden_tag}"):
            self.feed(tag)

    def add_text(self, text: str) -> None:
        """Add a text between tags."""
        if self._hidden_tag or not text:
            return
        text = unescape(text)
        if not self._preformatted:
            text = _BLANKS.sub(" ", text)
            if not self._pieces or self._line_ends or self._pieces[-1] == _DASH:
                text = text.lstrip(" ")
        self._put(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN_TAGS:
            self._hidden_tag = tag
            return
        attributes = {name: (value or "").strip() for name, value in attrs}
        self._break(tag)
        if tag == "br":
            self._put("\n")
        elif tag == "li":
            self._put(_DASH)
        elif tag == "pre":
            self._preformatted += 1
        elif tag == "a":
            self._links.append((attributes.get("href", ""), len(self._pieces)))
        elif tag == "img":
            name = attributes.get("alt") or attributes.get("src", "").partition("?")[0].rpartition("/")[2][:100]
            self._put(file_placeholder("image", name))
        elif tag in ("video", "audio"):
            self._put(f"[{tag}]")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden_tag:
            self._hidden_tag = ""
        elif tag == "a" and self._links:
            address, begin = self._links.pop()
            label = "".join(self._pieces[begin:]).strip()
            if label and address.startswith(("http://", "https://")) and label != address:
                self._put(f" ({address})")
        elif tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        self._break(tag)

    def _put(self, text: str) -> None:
        if not text:
            return
        self._pieces.append(text)
        ends = len(text) - len(text.rstrip("\n"))
        self._line_ends = self._line_ends + ends if ends == len(text) else ends

    def _break(self, tag: str) -> None:
        """Begin a new line or a paragraph, unless one has just begun."""
        line_ends = 2 if tag in _PARAGRAPHS else int(tag in _LINES)
        if self._pieces and self._pieces[-1] != _DASH and self._line_ends < line_ends:
            self._put("\n" * (line_ends - self._line_ends))
