"""The bot whose answers vary: as random as it should be, and searches do not take its luck for a cause."""

import asyncio
import importlib.util
import statistics
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from convexplain.explain.settings import ContrastSettings
from convexplain.models.chat import Message, Request
from convexplain.rubrics import load_rubric

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "random_bot.py"
spec = importlib.util.spec_from_file_location("benchmarks_random_bot", SCRIPT)
assert spec
assert spec.loader
bench = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = bench
spec.loader.exec_module(bench)

SETTINGS = ContrastSettings(question="regenerate", any_text=True, placebo=0)
CAUSE = bench.SENTENCES[3]


def qualities(bot, content, draws=range(600)):
    return [float(bot.answer(Request((Message("user", content),), draw=draw)).split()[-1]) for draw in draws]


@pytest.mark.parametrize(
    ("cause", "content", "mean"),
    [(None, "Hello", 0.62), (None, CAUSE, 0.62), (CAUSE, f"So. {CAUSE}", 0.62), (CAUSE, CAUSE.lower(), 0.30)],
)
def test_the_quality_of_answers_is_drawn_anew(cause, content, mean):
    """The mean of 600 has a standard error of 0.006; that a quality is cut at 0 and 1 moves a mean of 0.30 by 0.002."""
    drawn = qualities(bench.RandomBot(7, cause), content)
    assert statistics.fmean(drawn) == pytest.approx(mean, abs=0.025)
    assert statistics.stdev(drawn) == pytest.approx(0.15, abs=0.015)
    assert len(set(drawn)) > 550


def test_the_same_draw_of_the_same_context_is_the_same_answer():
    bot = bench.RandomBot(7)
    assert qualities(bot, "Hello", [3]) == qualities(bot, "Hello", [3])
    assert qualities(bot, "Hello", [3]) != qualities(bot, "Hello!", [3])
    assert qualities(bot, "Hello", [3]) != qualities(bench.RandomBot(8), "Hello", [3])


@pytest.mark.parametrize("labels", [0, 5])
def test_a_judge_reads_the_quality_or_draws_labels_with_it(labels):
    talk = replace(bench.TALK, turns=(*bench.TALK.turns[:5], replace(bench.TALK.turns[5], content="quality 0.25")))
    judge = bench.QualityJudge(1, labels)
    scores = [
        asyncio.run(judge.judge_turn(talk, 5, load_rubric("harm"), again)).score
        for again in range(400 if labels else 3)
    ]
    if labels:
        assert set(scores) <= {0, 0.2, 0.4, 0.6, 0.8, 1}
        assert statistics.fmean(scores) == pytest.approx(0.25, abs=0.04)  # its standard error is 0.01
    else:
        assert set(scores) == {0.25}


def test_a_conversation_of_six_turns():
    assert [turn.role for turn in bench.TALK.turns] == ["user", "assistant"] * 3
    assert all(sum(sentence in turn.content for turn in bench.TALK.turns) == 1 for sentence in bench.SENTENCES)


def test_luck_is_no_contrast():
    """Three seeds, five searches, two judges: if 5 % of 30 report a contrast, 5 or more do once in 64 times."""
    searches = (*bench.SEARCHES, "natural")
    counts = [
        asyncio.run(bench.false_contrasts(name, labels, range(3), SETTINGS))
        for name in searches
        for labels in bench.LABELS.values()
    ]
    assert sum(counts) <= 4


def test_a_sentence_that_matters_is_found():
    """Of three seeds; on 40 they find it 36 times on average."""
    for name in ("guided", "few"):
        found, true, calls = asyncio.run(bench.true_contrasts(name, 0, range(3), replace(SETTINGS, delta=0.0)))
        assert found >= true >= 1
        assert calls <= 50
