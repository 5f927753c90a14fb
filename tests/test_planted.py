import importlib.util
import sys
from pathlib import Path

import pytest

from convexplain import Conversation, Turn
from convexplain.rubrics import rubric_ids
from convexplain.text.segmentation import segment
from convexplain.types import Unit

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "planted.py"
spec = importlib.util.spec_from_file_location("benchmarks_planted", SCRIPT)
assert spec
assert spec.loader
bench = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = bench
spec.loader.exec_module(bench)

CASES = [case for name in bench.FILES for case in bench.planted(name)]


def test_enough_cases_with_ids_of_their_own():
    assert len({case.conversation.id for case in CASES}) == len(CASES)
    assert all(len(bench.planted(name)) >= 20 for name in bench.FILES)
    judged_anew = bench.planted("planted")
    assert 0.4 <= sum(case.good for case in judged_anew) / len(judged_anew) <= 0.6


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.conversation.id)
def test_a_case_is_what_it_should_be(case):
    turns = case.conversation.turns
    assert 5 <= len(turns) <= 9
    assert case.rubric in rubric_ids()
    assert case.turn == len(turns) - 1
    assert turns[case.turn].role == "assistant"
    assert turns[case.turn - 1].role == "user"

    content = turns[case.unit.turn].content
    earlier = [i for i in range(case.turn) if turns[i].role == "assistant"]
    assert case.unit.turn in earlier
    assert case.unit in segment(content, "sentence", case.unit.turn)
    assert len(earlier) >= 2
    assert sum(len(segment(turns[i].content, "sentence", i)) for i in earlier) >= 4
    assert 0 < bench.chance(case) <= 0.3


def test_chance_is_the_share_of_the_words_of_earlier_assistant_turns():
    turns = (
        Turn("assistant", "Hello there."),
        Turn("user", "Hi, what is up with you today?"),
        Turn("assistant", "Not much. I like trains a lot."),
        Turn("user", "Oh."),
        Turn("assistant", "Trains are what I like."),
    )
    # "I like trains a lot." has 5 words; the two earlier assistant turns have 2 + 7.
    case = bench.Planted(Conversation("c", turns), 4, "helpfulness", True, Unit(2, 10, 30, "sentence"), "")
    assert bench.chance(case) == pytest.approx(5 / 9)


def test_a_sentence_that_is_none_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "planted.json"
    file.write_text(
        '[{"id": "c", "rubric": "harm", "good": true, "why": "", "planted": {"turn": 0, "sentence": "One."},'
        ' "turns": [{"role": "assistant", "content": "One. One. Two."}, {"role": "assistant", "content": "Three."}]}]',
        encoding="utf-8",
    )
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="case 'c': 2 sentences of turn 0"):
        bench.planted("planted")
