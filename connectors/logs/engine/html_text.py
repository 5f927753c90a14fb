"""From HTML, as support desks keep messages, to the text that people see."""

import re
from html import unescape
from html.parser import HTMLParser

from .fields import file_placeholder

# The parser is given one tag at a time: over tags that never close it would take the square of the text's length.
_TAG = re.compile(r"""</?[a-zA-Z](?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>|<[!?][^<>]*+>""")
_SURE = re.compile(r"</?(?:p|div|br|span|a|b|i|em|strong|[uo]l|li|img|table|html|body|h[1-6]|blockquote|pre)\b", re.I)
_PARAGRAPHS = frozenset(("p", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre"))
_LINES = frozenset(("div", "li", "tr", "hr", "section", "article", "header", "footer"))
_UNSEEN = frozenset(("script", "style", "head", "title", "template", "noscript"))
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_DASH = "- "


def is_html(text: str) -> bool:
    """Whether a text surely holds HTML."""
    return _SURE.search(text) is not None


def html_to_text(html: str) -> str:
    """The text of HTML: paragraphs parted by a blank line, items of lists with a dash, links with their addresses,
    pictures as placeholders. Scripts and styles are no text.
    """
    reader = _Reader()
    html, at = _without_comments(html), 0
    for tag in _TAG.finditer(html):
        reader.say(html[at : tag.start()])
        reader.take(tag[0])
        at = tag.end()
    reader.say(html[at:])
    return reader.result()


def _without_comments(html: str) -> str:
    pieces, at = [], 0
    while (begin := html.find("<!--", at)) >= 0 and (end := html.find("-->", begin + 4)) >= 0:
        pieces.append(html[at:begin])
        at = end + 3
    return "".join([*pieces, html[at:]])


class _Reader(HTMLParser):
    """Gathers what tags and texts show."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []
        self._ends = 0  # line ends at the end of what was gathered
        self._unseen = ""
        self._links: list[tuple[str, int]] = []
        self._as_is = 0

    def result(self) -> str:
        return "\n".join(line.rstrip(" ") for line in "".join(self._pieces).split("\n")).strip("\n ")

    def take(self, tag: str) -> None:
        """A whole tag; inside a script only the one that ends it counts."""
        if not self._unseen or tag.lower().startswith(f"</{self._unseen}"):
            self.feed(tag)

    def say(self, text: str) -> None:
        """A text between tags."""
        if self._unseen or not text:
            return
        text = unescape(text)
        if not self._as_is:
            text = _BLANKS.sub(" ", text)
            if not self._pieces or self._ends or self._pieces[-1] == _DASH:
                text = text.lstrip(" ")
        self._put(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen = tag
            return
        given = {name: (value or "").strip() for name, value in attrs}
        self._break(tag)
        if tag == "br":
            self._put("\n")
        elif tag == "li":
            self._put(_DASH)
        elif tag == "pre":
            self._as_is += 1
        elif tag == "a":
            self._links.append((given.get("href", ""), len(self._pieces)))
        elif tag == "img":
            name = given.get("alt") or given.get("src", "").partition("?")[0].rpartition("/")[2][:100]
            self._put(file_placeholder("image", name))
        elif tag in ("video", "audio"):
            self._put(f"[{tag}]")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = ""
        elif tag == "a" and self._links:
            address, begin = self._links.pop()
            label = "".join(self._pieces[begin:]).strip()
            if label and address.startswith(("http://", "https://")) and label != address:
                self._put(f" ({address})")
        elif tag == "pre":
            self._as_is = max(0, self._as_is - 1)
        self._break(tag)

    def _put(self, text: str) -> None:
        if not text:
            return
        self._pieces.append(text)
        ends = len(text) - len(text.rstrip("\n"))
        self._ends = self._ends + ends if ends == len(text) else ends

    def _break(self, tag: str) -> None:
        """Begins a new line or a paragraph, unless one has just begun."""
        wanted = 2 if tag in _PARAGRAPHS else int(tag in _LINES)
        if self._pieces and self._pieces[-1] != _DASH and self._ends < wanted:
            self._put("\n" * (wanted - self._ends))
