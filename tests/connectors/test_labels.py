"""Labels files: CSV, TSV and JSON, good and bad."""

import gzip
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain import load_rubric
from convexplain.agreement.labels import FilePreference
from convexplain.connectors.labels import LabelSettings, read_labels
from convexplain.errors import ConvexplainError, LogError, UsageError

HARM, HELP = load_rubric("harm"), load_rubric("helpfulness")


@pytest.fixture
def read(tmp_path):
    """Reads a text as a labels file; returns what it holds and what was said."""

    def read(text, rubrics=(HELP,), name="labels.csv", **options):
        path, problems = tmp_path / name, []
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = read_labels(path, rubrics, LabelSettings(**options), problems.append)
        assert all(item.path == str(path) for item in (*found.labels, *found.preferences))
        return found, [(item.line, item.reason, item.kept) for item in problems]

    return read


def rows(found):
    return [(item.conversation_id, item.turn, item.rubric, item.score, item.rater, item.label) for item in found.labels]


@pytest.mark.parametrize(
    "text",
    [
        "conversation,turn,rubric,score,rater\nc0,1,harm,0.5,anna\nc0,-1,helpfulness,1,\n",
        "\ufeffConversation ID;Turn Index;Maxim;Rating;Annotator\r\nc0;1;Harm (1 = harmless);0,5;anna\r\n"
        "c0;-1;HELPFULNESS;1;\r\n",
        "dialogue_id\tturn\tcriterion\thuman score\tworker id\nc0\t1.0\tharm\t.5\tanna\nc0\t-1\thelpfulness\t1\t\n",
        '{"conversation": "c0", "turn": 1, "rubric": "harm", "score": 0.5, "rater": "anna"}\n'
        '{"conversation": "c0", "turn": -1, "rubric": "helpfulness", "score": 1, "rater": null}',
        '[{"conversation": "c0", "turn": 1, "rubric": "harm", "score": 0.5, "rater": "anna"}, '
        '{"conversation": "c0", "turn": -1, "rubric": "helpfulness", "score": true}]',
        '{"labels": [{"conversation": "c0", "turn": 1, "rubric": "harm", "score": 0.5, "rater": "anna"}, '
        '{"conversation": "c0", "turn": -1, "rubric": "helpfulness", "score": 1.0}]}',
    ],
    ids=["csv", "semicolons and usual names", "tsv", "json lines", "json array", "json object"],
)
def test_the_same_labels_in_every_layout(read, text):
    found, said = read(text, (HARM, HELP))
    assert said == []
    assert [row[:5] for row in rows(found)] == [("c0", 1, "harm", 0.5, "anna"), ("c0", -1, "helpfulness", 1.0, None)]


def test_compressed(read):
    found, _ = read(gzip.compress(b"conversation,turn,score\nc0,1,1\n"), name="labels.csv.gz")
    assert rows(found) == [("c0", 1, "helpfulness", 1.0, None, "1")]


def test_labels_by_name_are_the_rubrics(read):
    found, said = read("conversation,turn,label\nc0,1,Yes\nc0,3, no \nc1,1,maybe\nc1,3,0.25\n")
    assert [row[3] for row in rows(found)] == [1.0, 0.0, 0.25]
    assert said == [(4, "label 'maybe' is no number and none of the labels of helpfulness: yes, no", False)]


def test_a_column_for_each_rubric(read):
    found, said = read("conversation,turn,Harm,helpfulness,comment\nc0,1,1,0,x\nc0,3,,1,y\n", (HARM, HELP))
    assert [row[1:4] for row in rows(found)] == [(1, "harm", 1), (1, "helpfulness", 0), (3, "helpfulness", 1)]
    assert said == []


@pytest.mark.parametrize(
    ("scale", "higher_is", "number", "score"),
    [
        (None, "good", "0.2", 0.2),
        (None, "bad", "0.25", 0.75),
        ((1, 5), "good", "1", 0.0),
        ((1, 5), "good", "4", 0.75),
        ((1, 5), "bad", "4", 0.25),
        ((-2, 2), "good", "-1", 0.25),
        ((0, 100), "good", "7e1", 0.7),
    ],
)
def test_scales(read, scale, higher_is, number, score):
    found, said = read(f"conversation,turn,score\nc0,1,{number}\n", scale=scale, higher_is=higher_is)
    assert rows(found)[0][3] == pytest.approx(score)
    assert rows(found)[0][5] == number
    assert said == []


def test_another_scale_is_refused_with_the_scale_to_give(read):
    # 1 lies in [0, 1]; taken by itself it would become the best score.
    with pytest.raises(UsageError, match=r"labels.csv:3: the numbers on helpfulness go from 1 to 5.* --scale 1 5"):
        read("conversation,turn,score\nc0,1,1\nc0,3,3\nc1,1,5\n")
    with pytest.raises(UsageError, match=r"--scale 0 2"):
        read("conversation,turn,score\nc0,1,0\nc0,3,1\nc1,1,2\nc1,3,0\n")


def test_a_slip_on_the_right_scale_costs_its_row_only(read):
    found, said = read("conversation,turn,score\nc0,1,0.5\nc0,3,55\nc1,1,0.25\nc1,3,0.75\n")
    assert [row[3] for row in rows(found)] == [0.5, 0.25, 0.75]
    assert said == [(3, "score 55 on helpfulness lies outside 0 to 1", False)]
    found, said = read("conversation,turn,score\nc0,1,6\nc0,3,5\n", scale=(1, 5))
    assert [row[3] for row in rows(found)] == [1.0]
    assert said == [(2, "score 6 on helpfulness lies outside 1 to 5", False)]


def test_only_numbers_are_turned_round(read):
    found, said = read("conversation,turn,label\nc0,1,yes\nc0,3,0\n", higher_is="bad")
    assert [row[3] for row in rows(found)] == [1.0, 1.0]
    assert said == [(None, "1 labels by name mean what the rubric says; only numbers are turned round", True)]


@pytest.mark.parametrize("missing", ["", " ", "NaN", "n/a", "-", "null"])
def test_a_missing_score_is_no_zero(read, missing):
    found, said = read(f"conversation,turn,score\nc0,1,{missing}\nc0,3,1\n")
    assert [row[1] for row in rows(found)] == [3]
    assert said == [(2, "the row has no score and no label on helpfulness", False)]


def test_a_number_that_is_too_large_costs_its_row_only(read):
    huge = "9" * 400
    rows = f'[{{"conversation": "c", "score": {huge}}}, {{"conversation": "d", "turn": {huge}, "score": 1}}, '
    found, problems = read(rows + '{"conversation": "e", "turn": true, "score": 1}, {"conversation": "f", "score": 1}]')
    assert [label.conversation_id for label in found.labels] == ["f"]
    assert [reason.partition(" '")[0] for _, reason, _ in problems] == ["label", "turn", "turn"]


def test_a_label_may_be_called_none(read):
    labels = HARM.labels
    rubric = replace(HARM, labels=(replace(labels[0], name="None"), replace(labels[1], name="some")))
    found, problems = read("conversation,turn,label\nc,1,none\nc,3,some\nc,5,nan\n", rubrics=[rubric])
    assert [label.score for label in found.labels] == [labels[0].value, labels[1].value]
    assert len(problems) == 1


def test_a_missing_score_in_json(read):
    lines = [{"conversation": "c0", "turn": 1, "score": None}, {"conversation": "c0", "turn": 3, "score": 1}]
    found, said = read("\n".join(map(json.dumps, lines)) + '\n{"conversation": "c1", "turn": 1, "score": NaN}')
    assert [row[1] for row in rows(found)] == [3]
    assert [line for line, _, _ in said] == [1, 3]


@pytest.mark.parametrize(
    ("cell", "first", "turn"),
    [("0", 0, 0), ("2", 1, 1), ("-1", 1, -1), ("last", 0, None), ("LAST", 1, None), ("", 0, None), ("3.0", 0, 3)],
)
def test_turns(read, cell, first, turn):
    found, _ = read(f"conversation,turn,score\nc0,{cell},1\n", turns_from=first)
    assert rows(found)[0][1] == turn


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("0", "turn 0: turns are counted from 1"),
        ("1.5", "turn '1.5' is no whole number and not 'last'"),
        ("third", "turn 'third' is no whole number and not 'last'"),
    ],
)
def test_turns_that_cannot_be_meant(read, cell, reason):
    found, said = read(f"conversation,turn,score\nc0,{cell},1\nc0,2,1\n", turns_from=1)
    assert [row[1] for row in rows(found)] == [1]
    assert said == [(2, reason, False)]


def test_without_a_turn_it_is_the_last_answer(read):
    found, said = read("conversation,score\nc0,1\n")
    assert rows(found)[0][1] is None
    assert said[0][1:] == ("no column for the turn: labels are taken to be of each conversation's last answer", True)


def test_rows_on_other_rubrics_are_counted(read):
    text = "conversation,turn,rubric,score\nc0,1,harm,1\nc0,1,fun,1\nc0,3,fun,0\nc0,3,helpfulness,1\n"
    found, said = read(text, (HELP,))
    assert [row[2] for row in rows(found)] == ["helpfulness"]
    assert [(line, reason[:18], kept) for line, reason, kept in said] == [
        (2, "1 rows are on 'har", True),
        (3, "2 rows are on 'fun", True),
    ]
    found, said = read(text, (HELP,), called={"Fun": "helpfulness"})
    assert [row[3] for row in rows(found)] == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        ("", {}, LogError, "the file is empty"),
        ("conversation,turn,score\n", {}, LogError, "holds no labels"),
        ("[]", {}, LogError, "holds no labels"),
        ("a,b\n1,2\n", {}, UsageError, "cannot tell which column holds: conversation, score or label"),
        ("conversation,turn\nc0,1\n", {}, UsageError, "cannot tell which column holds: score or label"),
        ("c,t,s\nc0,1,1\n", {"columns": {"conversation": "c", "score": "z"}}, UsageError, "there is no column 'z'"),
        ("c,t,s\nc0,1,1\n", {"columns": {"colour": "c"}}, UsageError, "'colour' is not valid; valid are: conversation"),
        ("conversation,score\nc0,1\n", {"called": {"x": "harm"}}, UsageError, "'x' answers 'harm', which is not"),
        ("conversation,score\nc0,1\n", {"scale": (5, 1)}, UsageError, r"scale=\(5, 1\) is not valid"),
        ("conversation,score\nc0,1\n", {"higher_is": "worse"}, UsageError, "valid are: 'good', 'bad'"),
        ("conversation,score\nc0,1\n", {"turns_from": 2}, UsageError, "valid are: 0, 1"),
        (b"\x89PNG\r\n\x1a\n\0\0", {}, LogError, "PNG image"),
    ],
)
def test_files_that_cannot_be_meant(read, text, options, error, words):
    with pytest.raises(error, match=words):
        read(text, **options)


def test_without_a_rubric_column_one_rubric_must_be_named(read):
    with pytest.raises(UsageError, match="name one rubric"):
        read("conversation,turn,score\nc0,1,1\n", (HARM, HELP))


def test_columns_by_other_names(read):
    found, said = read("c,t,s\nc0,1,1\n", columns={"conversation": "c", "turn": "t", "score": "s"})
    assert rows(found) == [("c0", 1, "helpfulness", 1.0, None, "1")]
    assert said == []


def test_broken_rows_cost_themselves_only(read):
    found, said = read('conversation,turn,score\nc0,1,1\n"c0,3,1\nc1,1,0,9,9\n,1,1\nc1,3,1\n')
    assert [row[:2] for row in rows(found)] == [("c0", 1), ("c1", 3)]
    assert [line for line, _, _ in said] == [3, 4, 5]
    found, said = read(
        '{"conversation": "c0", "turn": 1, "score": 1}\n{"conv\n[1]\n{"turn": 1, "score": 1}\n', name="l.jsonl"
    )
    assert len(found.labels) == 1
    assert [line for line, _, _ in said] == [2, 3, 4]


def test_chosen_and_rejected(read):
    found, said = read("chosen,rejected\na,b\nc,d\ne,e\n,f\n")
    path = found.preferences[0].path
    assert found.preferences == (
        FilePreference("a", "b", "helpfulness", path, 2),
        FilePreference("c", "d", "helpfulness", path, 3),
    )
    assert said == [(4, "both sides of the pair are 'e'", False), (5, "the row has no 'chosen' conversation", False)]


@pytest.mark.parametrize(
    ("preferred", "chosen"),
    [("a", "a"), ("b", "b"), ("other", "b"), ("1", "a"), ("2", "b"), ("A", "a"), ("B", "b"), ("true", "a")],
)
def test_preferred(read, preferred, chosen):
    found, said = read(f"conversation,other,preferred\na,b,{preferred}\n")
    assert [(pair.chosen, pair.rejected) for pair in found.preferences] == [(chosen, "b" if chosen == "a" else "a")]
    assert said == []


def test_ties_and_answers_that_name_neither(read):
    found, said = read("conversation,other,preferred\na,b,tie\na,b,c9\n")
    assert found.preferences == ()
    assert said == [
        (2, "a tie says nothing of who is right; left out", True),
        (3, "preferred 'c9' is neither of them; left out", False),
    ]


def test_winner_and_loser(read):
    found, _ = read("winner,loser\na,b\n")
    assert [(pair.chosen, pair.rejected) for pair in found.preferences] == [("a", "b")]


def test_pairs_of_several_rubrics(read):
    found, _ = read("chosen,rejected,rubric\na,b,harm\nc,d,helpfulness\ne,f,fun\n", (HARM, HELP))
    assert [pair.rubric for pair in found.preferences] == ["harm", "helpfulness"]
    found, _ = read("chosen,rejected\na,b\n", (HARM, HELP))
    assert found.preferences[0].rubric is None


def test_hostile_words_reach_messages_as_text(read):
    found, said = read(f'conversation,turn,score,rater\nc0,1,"\x1b[2J{"x" * 500}",a\nc0,1,1,"\x1b]0;b"\n')
    assert "\x1b" not in said[0][1]
    assert len(said[0][1]) < 200
    assert "\x1b" not in found.labels[0].rater


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_gives_labels_or_an_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(b"conversation,turn,score\n" + data)
    try:
        found = read_labels(path, (HELP,))
    except ConvexplainError:
        return
    assert all(0 <= label.score <= 1 for label in found.labels)
