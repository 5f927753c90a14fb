"""The page about agreement: hostile texts stay texts, anchors lead somewhere, nothing asks the network."""

import re
from xml.etree import ElementTree

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.agreement import JudgedPair, LabelledTurn, RubricJudgements, agreement
from convexplain.agreement.labels import PreferenceLabel
from convexplain.report.agreement_report import SIZE, write_agreement
from convexplain.types import Evidence, Judgement, Rating

from .test_run_report import HOSTILE, Tags

HARM = load_rubric("harm")


def found(texts, scores=None, judges=("one", "two")):
    talks = [
        Conversation(f"{i}{text}", (Turn("user", text), Turn("assistant", text)), text) for i, text in enumerate(texts)
    ]
    turns = [
        LabelledTurn(talk, 1, (Rating(talk.id, 1, "harm", i % 2, text, text), Rating(talk.id, 1, "harm", 0.5, "b")))
        for i, (talk, text) in enumerate(zip(talks, texts, strict=True))
    ]

    def of(conversation, turn):
        place = [talk.id for talk in talks].index(conversation.id)
        score = (scores or [i / len(texts) for i in range(len(texts))])[place]
        text = texts[place]
        return Judgement(conversation.id, turn, "harm", score, text, text, Evidence(), "m", "s")

    pairs = [JudgedPair(PreferenceLabel(talks[0], talks[1]), ((0.9, 0.1),) * len(judges))] if len(talks) > 1 else []
    return agreement(HARM, turns, [RubricJudgements(f"{name}<b>", 4, of) for name in judges], pairs=pairs)


def page(tmp_path, results, problems=()):
    path = tmp_path / "agreement.html"
    write_agreement(results, problems, path)
    return path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_nothing_from_a_log_becomes_markup(tmp_path):
    text = page(tmp_path, [found(HOSTILE)], HOSTILE)
    parser = Tags()
    parser.feed(text)
    assert not {"script", "img", "b", "iframe", "link"} & set(parser.tags)
    assert parser.tags.count("svg") == 1 + 2 * 2  # the intervals, and two pictures a judge
    assert not [name for name in parser.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in "".join(parser.text)
    assert "{{ 7 * 7 }}" in "".join(parser.text)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)
    assert len(text) < 400_000


@pytest.mark.slow
def test_the_page_asks_nothing_of_the_network(tmp_path):
    text = page(tmp_path, [found(HOSTILE)])
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?\s*(?:https?:)?//""", text)
    assert "default-src 'none'" in text


@pytest.mark.slow
def test_anchors_are_different_and_lead_to_the_disagreements(tmp_path):
    text = page(tmp_path, [found(HOSTILE), found(HOSTILE)])
    anchors = re.findall(r'<details id="([^"]+)"', text)
    assert len(set(anchors)) == len(anchors) == 2 * 2 * len(HOSTILE)
    assert re.findall(r'<a href="#([^"]+)"', text) == anchors
    assert all(re.fullmatch(r"[A-Za-z0-9-]+", anchor) for anchor in anchors)


def test_pictures_show_what_they_should(tmp_path):
    # People say 0.25, 0.75 and 0.25 on average, the judge 0, 0.5 and 1.
    text = page(tmp_path, [found(["x", "y", "z"], [0.0, 0.5, 1.0], judges=("one",))])
    pictures = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    points = {(float(item.get("cx")), float(item.get("cy"))) for item in pictures[1].iter("circle")}
    assert points == {(0.25 * SIZE, SIZE), (0.75 * SIZE, 0.5 * SIZE), (0.25 * SIZE, 0.0)}
    (dot,) = pictures[2].iter("circle")  # three turns are one bin: the judge's mean 0.5, people's 5/12
    assert (float(dot.get("cx")), float(dot.get("cy"))) == pytest.approx((0.5 * SIZE, (1 - 5 / 12) * SIZE), abs=0.1)
    assert "people 0.25, judge 1.00" in text
    assert "convexplain explain 4 --turn 2z:1 --rubric harm" in text


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_anything(tmp_path, count):
    text = page(tmp_path, [found(["x"] * count)])
    assert "nan" not in text.lower().replace("finance", "")
    assert HARM.title in text


def test_no_rubric_at_all_has_a_page(tmp_path):
    assert "Agreement with people" in page(tmp_path, [])
