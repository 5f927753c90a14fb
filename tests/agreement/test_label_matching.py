"""Labels and the turns that they are about."""

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.agreement.label_matching import match_labels
from convexplain.agreement.labels import FileLabel, FilePreference, LabelsFile, LogLabelSettings, score_of
from convexplain.types import Rating

HARM, HELP = load_rubric("harm"), load_rubric("helpfulness")
TURNS = (Turn("user", "Hi"), Turn("assistant", "Hello"), Turn("user", "And?"), Turn("assistant", "Yes"))


def talk(name="c", turns=TURNS, source="log", **metadata):
    return Conversation(name, turns, source, metadata)


def rated(*ratings, name="c"):
    """One answer with labels of its own."""
    return talk(name, (Turn("user", "Hi"), Turn("assistant", "Hello", metadata={"ratings": list(ratings)})))


def label(name="c", turn=1, score=1.0, rater=None, line=2, rubric="harm"):
    return FileLabel(name, turn, rubric, score, rater, None, "f.csv", line)


def found(given, talks, **options):
    problems = []
    preferences = [item for item in given if isinstance(item, FilePreference)]
    labels = LabelsFile(tuple(item for item in given if isinstance(item, FileLabel)), tuple(preferences))
    result = match_labels(labels, iter(talks), problems.append, **options)
    return result, [str(problem) for problem in problems]


@pytest.mark.parametrize(("given", "turn"), [(1, 1), (3, 3), (-1, 3), (-3, 1), (None, 3)])
def test_turns_are_found(given, turn):
    result, said = found([label(turn=given)], [talk()])
    assert result.rated == ((talk(), Rating("c", turn, "harm", 1.0)),)
    assert said == []


def test_none_is_the_last_answer_not_the_last_turn():
    longer = talk(turns=(*TURNS, Turn("user", "Bye")))
    result, _ = found([label(turn=None)], [longer])
    assert result.rated[0][1].turn == 3


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (label(turn=4), "f.csv:2: conversation 'c' has no turn 4; it has 4 turns, counted from 0"),
        (label(turn=-5), "f.csv:2: conversation 'c' has no turn -5; it has 4 turns, counted from 0"),
        (
            label(turn=2),
            "turn 2 of conversation 'c' is the user's, not the assistant's; the assistant's are, counted from 0: 1, 3",
        ),
        (label("d"), "f.csv:2: there is no conversation 'd'"),
        (label("u", None), "f.csv:2: conversation 'u' has no assistant turn"),
        (FilePreference("c", "d", None, "f.csv", 7), "f.csv:7: there is no conversation 'd'"),
        (FilePreference("u", "c", None, "f.csv", 7), "f.csv:7: conversation 'u' has no answer"),
    ],
)
def test_labels_of_turns_that_do_not_exist(given, reason):
    result, said = found([given, label(line=9)], [talk(), talk("u", TURNS[:1])])
    assert len(result.rated) == 1
    assert result.preferences == ()
    assert len(said) == 1
    assert reason in said[0]


def test_the_last_label_of_a_rater_counts_and_it_is_said():
    given = [
        label(score=0.0, rater="anna"),
        label(score=1.0, rater="anna", line=3),
        label(score=0.5, rater="ben", line=4),
    ]
    result, said = found(given, [talk()])
    assert [(rating.rater, rating.score) for _, rating in result.rated] == [("anna", 1.0), ("ben", 0.5)]
    assert said == ["f.csv:3: c:1 was labelled by 'anna' on harm in line 2 already; the last label counts"]


def test_without_a_rater_one_label_counts():
    result, said = found([label(score=0.0), label(score=1.0, line=3)], [talk()])
    assert [rating.score for _, rating in result.rated] == [1.0]
    assert "several people? give them a column `rater`" in said[0]


def test_contradicting_raters_are_kept():
    result, said = found([label(score=0.0, rater="a"), label(score=1.0, rater="b")], [talk()])
    assert {place[1]: [rating.score for rating in ratings] for place, ratings in result.ratings("harm").items()} == {
        1: [0.0, 1.0]
    }
    assert said == []
    assert result.ratings("helpfulness") == {}


def test_several_conversations_of_one_id():
    other = talk(turns=TURNS[:2], source="other")
    result, said = found([label()], [talk(), talk(), other])
    assert [conversation.source for conversation, _ in result.rated] == ["other"]
    assert said == ["other: several conversations have the id 'c'; labels are taken to be of the last one"]


def test_labels_in_the_log():
    conversation = rated(
        {"rubric": "harm", "name": "safe", "score": 0.25, "rater": "anna"},
        {"rubric": None, "name": "Overall", "score": 1, "label": 5},
        {"rubric": "harm", "name": "safe", "score": None, "label": "Yes", "rater": 7},
        {"rubric": "harm", "name": "safe", "score": None, "label": "so so"},
        {"rubric": "harm", "name": "safe", "score": 2},
        "no object",
    )
    result, said = found([], [conversation], in_logs=LogLabelSettings((HARM, HELP)))
    assert [rating for _, rating in result.rated] == [
        Rating("c", 1, "harm", 1.0, "7", "Yes"),
        Rating("c", 1, "harm", 0.25, "anna"),
    ]
    assert said == [
        "log: labels called 'Overall' answer no rubric that is asked for; left out",
        "log: labels called 'safe' without a score in [0, 1] are left out",
    ]
    result, _ = found([], [conversation], in_logs=LogLabelSettings((HARM, HELP), {"overall": "helpfulness"}))
    assert Rating("c", 1, "helpfulness", 1.0, None, "5") in [rating for _, rating in result.rated]


def test_two_labels_of_a_turn_by_one_rater_in_a_log_are_told_of():
    talks = [rated({"rubric": "harm", "score": 0.0}, {"rubric": "harm", "score": 1.0})]
    result, problems = found([], talks, in_logs=LogLabelSettings([HARM]))
    assert [rating.score for _, rating in result.rated] == [1.0]
    (problem,) = problems
    assert problem.endswith("several labels of one turn on harm by one rater; the last one counts")


def test_labels_of_a_users_turn_in_the_log():
    conversation = talk(
        turns=(Turn("user", "Hi", metadata={"ratings": [{"rubric": "harm", "name": "n", "score": 1}]}),)
    )
    result, said = found([], [conversation], in_logs=LogLabelSettings((HARM,)))
    assert result.rated == ()
    assert "not the assistant's" in said[0]


def test_a_file_goes_before_the_store_and_the_store_before_the_log():
    conversation = rated({"rubric": "harm", "name": "safe", "score": 0.25})
    kept = [(conversation, Rating("c", 1, "harm", 0.5)), (talk("x"), Rating("x", 1, "harm", 0.5))]
    own = LogLabelSettings((HARM,))
    assert found([], [conversation], in_logs=own)[0].rated[0][1].score == 0.25
    result, said = found([], [conversation], in_logs=own, stored=kept)
    assert [rating.score for _, rating in result.rated] == [0.5]
    assert [rating.score for _, rating in found([label()], [conversation], in_logs=own, stored=kept)[0].rated] == [1.0]
    assert said == []


def test_pairs_of_a_file_and_of_a_log():
    chosen, rejected = talk("p-chosen", pair="p", preferred=True), talk("p-rejected", pair="p", preferred=False)
    alone = talk("q-chosen", pair="q", preferred=True)
    result, _ = found(
        [FilePreference("a", "b", "harm", "f", 1)],
        [rejected, chosen, alone, talk("a"), talk("b")],
        in_logs=LogLabelSettings((HARM,)),
    )
    assert [(pair.chosen.id, pair.rejected.id, pair.rubric) for pair in result.preferences] == [
        ("a", "b", "harm"),
        ("p-chosen", "p-rejected", None),
    ]
    assert len(result.pairs("harm")) == 2
    assert [pair.chosen.id for pair in result.pairs("helpfulness")] == ["p-chosen"]
    assert [pair.chosen.id for pair in result.preferences_with_rubric] == ["a"]


@pytest.mark.parametrize(("word", "score"), [("yes", 1.0), (" YES ", 1.0), ("no", 0.0), ("y", None), ("", None)])
def test_labels_by_name(word, score):
    assert score_of(HARM, word) == score
