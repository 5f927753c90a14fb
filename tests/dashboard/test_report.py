import re
from html.parser import HTMLParser

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.dashboard.report import shown, write_report
from convexplain.errors import Problem
from convexplain.store import RunStore, summarise
from convexplain.types import Evidence, Judgement

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://127.0.0.1/x.png)",
    '"><svg onload=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "\x1b[31mred\x00\u202egnp.exe",
    "</details></body></html>",
    "javascript:alert(1) &lt; &amp;",
    "\ud800 lone",
    "x" * 100_000,
]


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def page(tmp_path):
    """The report of a run with every hostile text in every place that a log reaches."""
    store, harm = RunStore(str(tmp_path / "a.db")), load_rubric("harm")
    run = store.begin_run("http://127.0.0.1/<b>judge</b>", "f", {}, [harm])
    for i, text in enumerate(HOSTILE):
        conversation = Conversation(f"{i}{text}", (Turn("user", text, name=text), Turn("assistant", text)), text)
        number = store.keep_conversation(conversation, run.id)
        evidence = Evidence("label_probability", {"yes": i / 20, "no": 1 - i / 20})
        judgement = Judgement(conversation.id, 1, "harm", i / 20, "no", text, evidence, "m", "s")
        store.keep_judgement(run.id, number, harm, judgement)
    store.keep_problem(run.id, Problem("<i>file</i>", 3, "<u>reason</u>"))
    write_report(store, summarise(store, store.run(run.id), worst=20), tmp_path / "report.html")
    store.close()
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_from_a_log_becomes_markup(page):
    parser = Tags()
    parser.feed(page)
    assert not {"script", "img", "svg", "i", "u", "iframe", "link"} & set(parser.tags)
    assert not [name for name in parser.attributes if name.startswith("on")]
    text = "".join(parser.text)
    assert "<script>alert(1)</script>" in text
    assert "{{ 7 * 7 }}" in text


def test_the_page_asks_nothing_of_the_network(page):
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?\s*(?:https?:)?//""", page)
    assert "default-src 'none'" in page


def test_control_characters_are_visible_and_long_text_is_cut(page):
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page)
    assert "98,500 more characters" in page
    assert len(page) < 400_000


def test_an_empty_run_has_a_report(tmp_path):
    store = RunStore(str(tmp_path / "a.db"))
    run = store.begin_run("m", "f", {}, [])
    write_report(store, summarise(store, run), tmp_path / "report.html")
    store.close()
    assert "Nothing was judged." in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "expected"), [("a\x07b", "a\ufffdb"), ("a\n\tb", "a\n\tb"), ("\u2067x", "\ufffdx"), ("abc", "abc")]
)
def test_shown(text, expected):
    assert shown(text) == expected


def test_numbers_of_the_summary_are_on_the_page(page):
    assert re.search(
        r'Harm \(1 = harmless\)</td><td class="n">10</td><td class="n">0</td>\s*<td class="n">0\.23</td>', page
    )
    assert "What the readers reported" in page
