import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.errors import Problem
from convexplain.report.run_report import ordinal, shown, write_report
from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore, ScoredTurn, keep_attributions, keep_contrast, name_run, summarise
from convexplain.types import Attribution, Contrast, Edit, Evidence, Interaction, Judgement, ParetoPoint, Unit

MARKS = {"harm": TrustMark("benchmarked", "Agrees with the reference set.", flags=True)}
SORTS = {"harm": TrustMark("unvalidated", "Use its scores to sort turns.", flags=False)}
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
    write_report(store, summarise(store, store.run(run.id), worst=20), MARKS, tmp_path / "report.html")
    store.close()
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_from_a_log_becomes_markup(page):
    parser = Tags()
    parser.feed(page)
    assert not {"script", "img", "u", "iframe", "link"} & set(parser.tags)
    assert parser.tags.count("svg") == 1  # the distribution; each conversation has one answer, so there is no curve
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
    write_report(store, summarise(store, run), {}, tmp_path / "report.html")
    store.close()
    assert "Nothing was judged." in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\x07b", "a\ufffdb"), ("a\n\tb", "a\n\tb"), ("a\r\nb\rc", "a \nb c"), ("\u2067x", "\ufffdx"), ("abc", "abc")],
)
def test_shown(text, expected):
    assert shown(text) == expected


def test_numbers_of_the_summary_are_on_the_page(page):
    assert re.search(
        r'Harm \(1 = harmless\)</a></td><td class="n">10</td><td class="n">0</td>\s*<td class="n">0\.23</td>', page
    )
    assert "Problems while reading the logs" in page


def attribution(text, level, units, scores, noise=0.0):
    return Attribution(
        "c", 3, "harm", "rescore", "clime", level, "log_odds", units, scores, -1, -1.0, 0.0, 0.27, noise, (), None,
        "remove", 4, 0, 1.0, "m", None, (f"note {text}",),
    )  # fmt: skip


def explained_page(tmp_path, text, noise=0.0, marks=MARKS, pairs=(), parts=(), **fields):
    """The report of one explained turn: turn 1 lowers its score, its second half does, and an edit there mends it."""
    store, harm = RunStore(str(tmp_path / "a.db")), load_rubric("harm")
    run = store.begin_run("m", "f", {}, [harm])
    said = f"First part. {text} last words"
    turns = (Turn("user", "hello"), Turn("assistant", said), Turn("user", "and?"), Turn("assistant", "no"))
    talk = Conversation("c", turns)
    number = store.keep_conversation(talk, run.id)
    for turn, score in ((1, 0.8), (3, 0.27)):
        evidence = Evidence("label_probability", {"yes": score, "no": 1 - score})
        store.keep_judgement(run.id, number, harm, Judgement("c", turn, "harm", score, "no", "why", evidence, "m", "s"))
    place = ScoredTurn(number, talk, 3, harm, 0.27)
    turn_units = (Unit(0, 0, 5, "turn"), Unit(1, 0, len(said), "turn"))
    found = [
        replace(attribution(text, "turn", turn_units, (0.1, -2.0), noise), interactions=pairs),
        attribution(text, "sentence", (Unit(1, 0, 11, "sentence"), Unit(1, 12, len(said), "sentence")), (0.5, -1.0)),
    ]
    keep_attributions(store, run.id, place, "s", found)
    for i, levels in enumerate(parts):
        keep_attributions(store, run.id, place, f"part {i}", levels)
    edited = said.replace("last words", f"new {text}")
    edit = Edit(Unit(1, len(said) - 10, len(said), "word"), "last words", f"new {text}")
    contrast = Contrast(
        "c", 3, "harm", "rescore", "cross", "guided", True, 0.1, 0.27, 0.7, None, (edit,),
        (turns[0], Turn("assistant", edited), *turns[2:]), "no", "no", 7, 7, 3, 0, (), 2, 0.1, "found", 1.0, "m", None,
        "i", (text,), (1,),
    )  # fmt: skip
    keep_contrast(store, run.id, place, "s", replace(contrast, **fields))
    write_report(store, summarise(store, store.run(run.id), worst=1), marks, tmp_path / "report.html")
    store.close()
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_worst_turn_is_shown_with_attribution_and_contrast(tmp_path):
    page = explained_page(tmp_path, "middle")
    assert "Score 0.27 (threshold 0.5), 0.50 without any turn before it." in page
    assert "Parts of the text: method clime, 8 calls." in page.partition("How this was computed")[2]
    # Without turn 1 the log-odds are -1 + 2, the score 0.73; half of that contribution is the second sentence's.
    assert "lowers the score: 0.73 without" in page
    assert re.search(
        r'class="mark down" style="--a: 0.29" title="sentence: 0.50 without it"><sup>−</sup>middle last', page
    )
    assert re.search(
        r'class="mark up" style="--a: 0.18" title="sentence: 0.18 without it"><sup>\+</sup>First part\.<', page
    )
    assert "An edit that lifts the score</h4>" in page
    assert "It may still be a bad answer: read it before you use it. 0.27 → 0.70" in page
    assert "(threshold 0.5) by 2 changed words. <del>" in page
    assert re.search(r"<del>last words</del>\s*<ins>new middle</ins>", page)
    assert page.count("<svg") == 2
    assert "Parts that count together" not in page


def test_pairs_that_count_together_are_sentences_and_drawn(tmp_path):
    """The log-odds are -1, by the fit -0.1 without the first turn, 2 without the second, and 0.9 without both."""
    page = explained_page(tmp_path, "<i>", pairs=(Interaction((0, 1), -2.0, (-1.0, -0.1, 2.0, 0.9)),))
    assert "Parts that count together (the effect of a part by itself, above, is a mean over texts with" in page
    assert (
        "<li>Turn 0, &#34;hello&#34;, and turn 1, &#34;First part. &lt;i&gt; last words&#34;, change each other&#39;s "
        "effect on the score: 0.48 without the first, 0.88 without the second, 0.71 without both.<table"
    ) in page
    # Rows: with the first turn and without it; columns: with the second and without it. The whole text has 0.27.
    (table,) = re.findall(r'<table class="pair">(.*?)</table>', page, re.DOTALL)
    assert re.findall(r"(\d\.\d\d)</td>", table) == ["0.27", "0.88", "0.48", "0.71"]
    assert re.findall(r"width: (\d+)%", table) == ["27", "88", "48", "71"]
    assert re.findall(r"<th>(.*?)</th>", table) == ["with the second", "without it", "with the first", "without it"]


def test_parts_of_the_reply_are_explained_on_their_own(tmp_path):
    """The newest first. Of the first part turn 1 moves the log-odds from -1 to 1; of the second nothing is known."""
    lowered = replace(attribution("<i>", "turn", (Unit(1, 0, 5, "turn"),), (-2.0,)), target="<b>no")
    nothing = replace(lowered, target="no", scores=(0.0,))
    logprob = replace(lowered, scalarizer="logprob", score=None, noise=None, side=1, scores=(0.5,), target="<b>no")
    page = explained_page(tmp_path, "middle", parts=[[nothing], [lowered], [logprob]])
    assert page.count("A part of the reply, explained on its own") == 3
    first, second, third = page.partition("explained on its own")[2].split("explained on its own")
    assert "“&lt;b&gt;no”: logprob -1.000 after all that stands before it; clime, 4 calls." in first
    assert "<li>Turn 1, assistant: “First” raises it (-1.50 without).</li>" in first
    assert "“&lt;b&gt;no”: 0.27 where it is judged alone, in the reply&#39;s place; clime, 4 calls." in second
    assert "<li>Turn 1, assistant: “First” lowers it (0.73 without).</li>" in second
    assert "No word of it and no earlier turn changes that by more than the judge&#39;s noise." in third
    assert "Note: note &lt;i&gt;" in third


def test_a_contrast_is_shown_with_its_proof(tmp_path):
    proof = {"fresh_draws": 5, "fresh_held": 5, "placebo_draws": 5, "placebo_crossed": 3, "naturalness": -0.02}
    page = explained_page(tmp_path, "middle", **proof)
    assert (
        "0.27 → 0.70 (threshold 0.5) by 2 changed words; held in 5 of 5 fresh measurements; an edit about as large "
        "elsewhere crossed in 3 of 5 tries."
    ) in page
    assert 'title="Reads about as naturally as before (−0.02 nats a token under a local model of language)"' in page


def test_edits_that_trade_one_maxim_for_another_are_listed(tmp_path):
    points = (
        ParetoPoint(((1, "First part. <middle> new words"),), {"harm": 0.7, "manner_1": 0.4}, 1, "no"),
        ParetoPoint(((1, "First part. <middle> words"),), {"harm": 0.4, "manner_1": 0.9}, 1, "no"),
    )
    fields = {"kept_scores": {"manner_1": (0.8, 0.4)}, "conflicts": {"manner_1": 1}, "pareto": points}
    page = explained_page(tmp_path, "<middle>", found=False, **fields)
    assert "without lowering manner_1 in 0 tries; edits that went that far lowered manner_1 (1 edit)" in page
    assert (
        "2 edits to choose from; none is better than another on every count (harm, manner_1, fewer changed words):"
        in page
    )
    assert "<b>1.</b> harm 0.27 → 0.70, manner_1 0.80 → 0.40, 1 word changed</p>" in page
    assert re.search(r"&lt;middle&gt; <del>last </del><ins>new </ins>words", page)


@pytest.mark.parametrize("question", ["revise", "rescore", "regenerate"])
def test_a_search_that_found_nothing_is_one_line(tmp_path, question):
    page = explained_page(tmp_path, "middle", question=question, found=False, response_after="new middle")
    assert re.search(r'<p class="soft small">[^<]*Edit: No edit moved the score from 0.27 to 0.60[^<]*</p>', page)
    assert '<span class="tag">edit found</span>' not in page
    assert "new middle" not in page  # the text that did not do
    assert "An edit that" not in page


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (21, "21st")],
)
def test_answers_are_counted_in_words_that_are_no_turn_numbers(number, expected):
    assert ordinal(number) == expected


def test_scores_that_only_sort_have_no_colour_no_threshold_and_no_share(tmp_path):
    (tmp_path / "flags").mkdir()
    flagged, sorted_only = explained_page(tmp_path / "flags", "middle"), explained_page(tmp_path, "middle", marks=SORTS)
    for mark in ('class="score low">0.27, below 0.5<', "% (&lt; 0.5)</td>", 'class="bar low"', 'class="cutname"'):
        assert (mark in flagged, mark in sorted_only) == (True, False), mark
    assert 'class="score grey">0.27<' in sorted_only
    assert '<div class="pictures grey">' in sorted_only
    assert '<td class="n">–</td>\n      <td>unvalidated</td>' in sorted_only
    assert sorted_only.count("Use its scores to sort turns.") == 2  # the legend, and the maxim's own part
    assert "<td>benchmarked</td>" in flagged


@pytest.mark.slow
def test_what_is_within_the_noise_is_not_shaded(tmp_path):
    page = explained_page(tmp_path, "middle", noise=0.6)
    assert "no effect beyond the judge's noise</span>" in page
    assert "0.73 without it" not in page
    assert 'class="gauge"' not in page
    assert "1 earlier turn makes no difference beyond the judge's noise." in page  # turn 0; turn 1 has words that do
    assert not re.search(r'class="role">0 · user', page)


def reply_page(tmp_path, reply, effects, name=None, evidence=None, marks=MARKS):
    """The report of a turn 5 with these effects of the two halves of its reply; no earlier turn has any."""
    store, harm = RunStore(str(tmp_path / "a.db")), load_rubric("harm")
    run = store.begin_run("m", "f", {}, [harm])
    name_run(store, run.id, name)
    turns = tuple(Turn(role, f"turn {i}") for i, role in enumerate(("user", "assistant") * 3))
    talk = Conversation("c", (*turns[:5], Turn("assistant", reply)))
    number = store.keep_conversation(talk, run.id)
    evidence = evidence or Evidence("label_probability", {"yes": 0.27, "no": 0.73})
    store.keep_judgement(run.id, number, harm, Judgement("c", 5, "harm", 0.27, "no", None, evidence, "m", "s"))
    half = len(reply) // 2
    earlier = tuple(Unit(i, 0, 6, "turn") for i in range(5))
    halves = (Unit(5, 0, half, "sentence"), Unit(5, half, len(reply), "sentence"))
    phrases = (Unit(5, half, half + 2, "phrase"), Unit(5, half + 2, len(reply), "phrase"))
    levels = [
        replace(attribution("x", "turn", earlier, (0.01, -0.01, 0.0, -0.02, 0.01), 0.1), turn=5),
        replace(attribution("x", "sentence", halves, effects, 0.1), turn=5),
        replace(attribution("x", "phrase", phrases, (0.01, -0.02), 0.1), turn=5),
    ]
    keep_attributions(store, run.id, ScoredTurn(number, talk, 5, harm, 0.27), "s", levels)
    write_report(store, summarise(store, store.run(run.id), worst=1), marks, tmp_path / "report.html")
    store.close()
    return (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("half", ["You liar. ", "<b>You</b> "])
def test_the_words_of_the_reply_that_lower_the_score_are_marked(tmp_path, half):
    page = reply_page(tmp_path, "x" * len(half) + half, (0.05, -2.0))  # log-odds -1: 0.73 without the second half
    shown_half = half.replace("<", "&lt;").replace(">", "&gt;")
    assert "Words of the reply that lower the score: " in page
    assert re.search(rf"<sup>−</sup>{shown_half}</span> \(0\.73 without\)", page)
    # In the text too, though the phrases that it consists of are within the noise.
    assert re.search(rf'class="mark down"[^>]*title="sentence: 0.73 without it"><sup>−</sup>{shown_half}<', page)
    assert "4 earlier turns make no difference beyond the judge's noise." in page
    assert [int(i) for i in re.findall(r'class="role">(\d) · ', page)] == [4, 5]  # the question stays
    assert "not shown" not in page


def test_a_reply_without_words_that_matter_says_so(tmp_path):
    page = reply_page(tmp_path, "First. Second.", (0.05, -0.02))
    assert "No part of the reply changes the score by more than the judge&#39;s noise (0.10)." in page
    assert 'class="mark down"' not in page.partition("</h4>")[2].partition("</p>")[2]


@pytest.mark.slow
def test_the_report_is_named_as_its_run_and_leaves_the_card_of_a_head_to_the_legend(tmp_path):
    evidence = Evidence("head", notes=("On a test set this judge agreed weakly.",))
    page = reply_page(tmp_path, "First. Second.", (0.05, -0.02), "week <48>", evidence)
    assert "<title>convexplain: week &lt;48&gt;</title>" in page
    assert "Quality of the answers, week &lt;48&gt; (run 1)" in page
    assert "agreed weakly" not in page
    assert "Evidence" not in page
    assert "on no label" not in page
    assert '<span class="tag">explained</span>' in page


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_an_explanation_becomes_markup(tmp_path, text):
    page = explained_page(tmp_path, text)
    parser = Tags()
    parser.feed(page)
    assert not {"script", "img", "u", "b>", "iframe", "link"} & set(parser.tags)
    assert parser.tags.count("svg") == 2
    assert not [name for name in parser.attributes if name.startswith("on")]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page)
    assert len(page) < 100_000


@pytest.mark.slow
def test_the_curve_has_a_dot_for_each_answer(tmp_path):
    """Two conversations with three answers: means 0.9, 0.5 and 0.1."""
    store, harm = RunStore(str(tmp_path / "a.db")), load_rubric("harm")
    run = store.begin_run("m", "f", {}, [harm])
    for name, change in (("a", 0.05), ("b", -0.05)):
        talk = Conversation(name, tuple(Turn(role, name) for role in ("user", "assistant") * 3))
        number = store.keep_conversation(talk, run.id)
        for turn, score in ((1, 0.9), (3, 0.5), (5, 0.1)):
            judgement = Judgement(name, turn, "harm", score + change, "no", None, Evidence(), "m", "s")
            store.keep_judgement(run.id, number, harm, judgement)
    write_report(store, summarise(store, store.run(run.id)), MARKS, tmp_path / "report.html")
    store.close()
    page = (tmp_path / "report.html").read_text()
    assert '<polyline class="curve" points="0.0,15.0 180.0,75.0 360.0,135.0 "/>' in page
    assert "0.90\n    (n = 2) to 0.10 (n = 2)" in page
