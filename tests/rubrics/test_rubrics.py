import time
from pathlib import Path

import pytest

from convexplain import load_rubric, rubrics
from convexplain.errors import RubricError
from convexplain.rubrics import HEADLINE, parse_rubric, rubric_ids, rubric_problems
from convexplain.types import Label

PAPER = [  # CELL's headline maxims, and the submaxims of Miehling et al. (2024)
    *("helpfulness", "harm", "informativeness", "quantity_1", "quantity_2", "quality_1", "relevance_1", "relevance_2"),
    *("manner_1", "manner_2", "benevolence_1", "benevolence_2", "transparency_1", "transparency_2", "transparency_3"),
]

CONVERSATION = ["knowledge_retention", "resolved", "stays_in_role", "user_frustration"]

VALID = """\
id: mine
title: Mine
category: test
requirement: The response should rhyme.
labels:
  - {name: good, value: 1, criterion: It rhymes.}
  - {name: fair, value: 0.5, criterion: It nearly rhymes.}
  - {name: bad, value: 0, criterion: It does not.}
threshold: 0.6
examples:
  - label: bad
    turns:
      - user: Say yes
      - assistant: no
"""


def test_the_fifteen_maxims_of_the_papers_ship():
    assert set(rubric_ids()) >= set(PAPER)
    assert rubric_ids()[:3] == HEADLINE


def test_every_rubric_file_ships():
    files = sorted(path.stem for path in Path(rubrics.__file__).parent.glob("*.yaml"))
    assert sorted(rubric_ids()) == files


@pytest.mark.parametrize("name", rubric_ids())
def test_a_shipped_rubric_is_complete(name):
    rubric = load_rubric(name)
    assert rubric.id == name
    assert {label.value for label in rubric.labels} >= {0.0, 1.0}
    for label in rubric.labels:
        examples = [example for example in rubric.examples if example.label == label.name]
        assert len(examples) >= 3
        assert any(len(example.turns) >= 3 for example in examples)
        assert rubric.of_conversation or all(example.turns[-1].role == "assistant" for example in examples)
        assert all("assistant" in [turn.role for turn in example.turns] for example in examples)
    category = "headline" if name in HEADLINE else "conversation" if name in CONVERSATION else name.rsplit("_", 1)[0]
    assert rubric.category == category
    assert rubric.notes


def test_a_higher_score_of_harm_means_harmless_and_its_title_says_so():
    harm = load_rubric("harm")
    assert "1 = harmless" in harm.title
    assert harm.value("yes") == 1.0


def test_four_maxims_are_of_conversations_and_none_of_them_is_a_headline_maxim():
    assert [name for name in rubric_ids() if load_rubric(name).scope == "conversation"] == CONVERSATION
    assert not set(CONVERSATION) & set(HEADLINE)
    assert "1 = the user is not frustrated" in load_rubric("user_frustration").title


def test_rubrics_of_turns_have_the_sha_that_they_had_before_there_were_others():
    assert load_rubric("harm").sha == "6a5856019a24daab88b6ec19daef3fd183b9833ad6b31665ec59d7353affb92c"
    assert parse_rubric(VALID + "scope: turn\n", "x").sha == parse_rubric(VALID, "x").sha
    assert parse_rubric(VALID + "scope: conversation\n", "x").sha != parse_rubric(VALID, "x").sha


def test_an_example_of_a_conversation_may_end_with_the_user_but_the_assistant_speaks_in_it():
    ends_with_user = f"{VALID}      - user: Oh.\nscope: conversation\n"
    assert parse_rubric(ends_with_user, "x").examples[0].turns[-1].role == "user"
    with pytest.raises(RubricError, match="x:13: example 1 must have an assistant turn"):
        parse_rubric(VALID.replace("- assistant: no", "- user: no") + "scope: conversation\n", "x")
    with pytest.raises(RubricError, match="x:16: scope: 'dialogue' is not one of \\['turn', 'conversation'\\]"):
        parse_rubric(f"{VALID}\nscope: dialogue\n", "x")


def test_no_example_stands_in_two_rubrics():
    seen = {}
    for name in rubric_ids():
        for example in load_rubric(name).examples:
            assert seen.setdefault(example.turns, name) == name


def test_more_than_two_labels_and_a_users_own_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(VALID, encoding="utf-8-sig")
    rubric = load_rubric(path)
    assert rubric.labels[1] == Label("fair", 0.5, "It nearly rhymes.")
    assert rubric.examples[0].turns[1].content == "no"  # a word, not a truth value
    assert load_rubric(str(path)) == rubric


def test_the_sha_changes_with_anything_that_a_judge_sees():
    assert parse_rubric(VALID, "x").sha == parse_rubric(VALID, "y").sha
    assert parse_rubric(VALID.replace("rhyme.", "rhyme!"), "x").sha != parse_rubric(VALID, "x").sha


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "requirement:",
            "requirment:",
            "mine.yaml:4: the file has the unknown key 'requirment'; valid keys are: id, title",
        ),
        (
            "requirement: The response should rhyme.\n",
            "",
            "mine.yaml:1: the file: 'requirement' is a required property",
        ),
        ("value: 0.5", "value: 5", "mine.yaml:7: labels/1/value: 5 is greater than the maximum of 1"),
        ("value: 0.5", "value: 1", "mine.yaml:6: two labels have the same value"),
        ("name: fair", "name: Good", "mine.yaml:6: label names must differ in more than case: good, Good, bad"),
        (
            "label: bad",
            "label: awful",
            "mine.yaml:11: example 1 has the label 'awful'; the labels are: good, fair, bad",
        ),
        ("- assistant: no", "- user: no", "mine.yaml:13: example 1 must end with an assistant turn"),
        ("threshold: 0.6", "threshold: 1", "mine.yaml:9: threshold: 1 is greater than or equal to the maximum of 1"),
        ("threshold: 0.6", "threshold: .nan", "mine.yaml:9: threshold: nan is not a number in (0, 1)"),
        ("value: 0.5", "value: .nan", "mine.yaml:7: labels/1/value: nan is not a number in [0, 1]"),
        ("threshold: 0.6", "threshold: high", "mine.yaml:9: threshold: 'high' is not of type 'number'"),
        ("user: Say yes", "robot: Say yes", "mine.yaml:13: examples/0/turns/0 has the unknown key 'robot'"),
        ("title: Mine", "title: [", "not valid YAML"),
        ("id: mine", "id: My Rubric", "mine.yaml:1: id: 'My Rubric' does not match"),
    ],
)
def test_a_broken_rubric_says_file_line_and_key(old, new, message):
    with pytest.raises(RubricError) as caught:
        parse_rubric(VALID.replace(old, new), "mine.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "just text", "[1, 2]", "a: &a [*a]", "!!python/object/apply:os.system [ls]", "a: 1\na: 2"]
)
def test_what_is_no_rubric_at_all_is_an_error_too(text):
    with pytest.raises(RubricError, match=r"mine\.yaml"):
        parse_rubric(text, "mine.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"notes: &a [x]\n{VALID}", "r:1: not valid YAML: aliases and anchors"),
        (f"{VALID}notes: *a\n", "r:15: not valid YAML: aliases and anchors"),
        (f"{VALID}title: Again\n", "r:15: not valid YAML: the key 'title' stands twice, first in line 2"),
        (VALID.replace("- user: Say yes", "- {user: a, user: b}"), "r:13: not valid YAML: the key 'user' stands twice"),
        (f"{VALID}? [a]\n: b\n", "r:15: not valid YAML: a key must be a word"),
        (f"{VALID}notes: !!set {{a}}\n", "r:15: not valid YAML: the tag 'tag:yaml.org,2002:set' is not allowed"),
        (f"{VALID}<<: {{notes: [a]}}\n", "r:15: the file has the unknown key '<<'"),
        ("[" * 90_000, "r:1: not valid YAML: nested too deeply: more than 12 levels"),
        ("- " * 40_000, "r:1: not valid YAML: nested too deeply"),
        ("? " * 40_000, "r:1: not valid YAML: nested too deeply"),
        (f"[{'1,' * 6_000}]", "r:1: not valid YAML: there are more than 5,000 keys and values"),
        (VALID.replace("0.6", "9" * 90_000), "r:9: not valid YAML: a number has 90,000 characters; 30 are allowed"),
        (VALID.replace("0.6", "1" + ":59" * 30_000), "r:9: not valid YAML: a number has 90,001 characters"),
        (VALID.replace("0.6", "0x_"), "r: not valid YAML: a number cannot be read"),
        (VALID.replace("0.6", "9" * 30), "r:9: threshold: 9{30} is greater than or equal to the maximum of 1"),
        (VALID.replace("0.6", "1e9999"), "r:9: threshold: '1e9999' is not of type 'number'"),
        (VALID.replace("0.6", "2024-13-45"), "r:9: threshold: '2024-13-45' is not of type 'number'"),
        (f"a: {'x' * 100_000}", "r: not valid YAML: the text has 100,003 characters; a rubric may have 100,000"),
        ("x" * 90_000, "r:1: the file: 'x+ … x+' is not of type 'object'"),
    ],
    ids=range(19),
)
def test_a_text_beyond_the_limits_is_refused_at_once(text, message):
    took = []
    for _ in range(3):  # of which one may meet a collection of all that the test process holds
        began = time.process_time()
        with pytest.raises(RubricError, match=f"^{message}"):
            parse_rubric(text, "r")
        took.append(time.process_time() - began)
    assert min(took) < 1


def test_many_problems_are_not_all_listed():
    labels = "".join(f"  - {{name: a{number}, value: 5, criterion: b}}\n" for number in range(600))
    text = VALID.replace("labels:\n", f"labels:\n{labels}")
    assert len(rubric_problems(text)) == 20


def test_a_long_name_and_a_large_file_are_refused(tmp_path):
    with pytest.raises(RubricError, match="cannot be read"):
        load_rubric("x" * 5_000)
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(1 << 33)  # it takes no space on the disk, but would in memory
    with pytest.raises(RubricError, match="has more than 400,000 bytes"):
        load_rubric(tmp_path / "large.yaml")


def test_an_unknown_id_lists_the_known_ones():
    with pytest.raises(RubricError, match="'helpfullness' is neither a file nor one of: helpfulness, harm"):
        load_rubric("helpfullness")


def test_a_binary_file_is_an_error(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RubricError, match="cannot be read as UTF-8"):
        load_rubric(tmp_path / "x.yaml")
