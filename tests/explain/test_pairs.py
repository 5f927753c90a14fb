import asyncio
from dataclasses import replace

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.errors import UsageError
from convexplain.explain import pair_forms
from convexplain.explain import pairs as p
from convexplain.explain.pair_forms import ReviewedContrast
from convexplain.explain.pair_gates import PairGates
from convexplain.explain.pairs import PairSettings, preference_pairs, split_of
from convexplain.types import Contrast, Edit, Evidence, Judgement, Unit

TALK = Conversation(
    "c1",
    (
        Turn("user", "Where is my parcel?"),
        Turn("assistant", "It left on Monday."),
        Turn("user", "When does it come?"),
        Turn("assistant", "No idea."),
        Turn("user", "Really?"),
        Turn("assistant", "Yes."),
    ),
)


def contrast(question="revise", turn=5, edited=None, before=0.2, after=0.8, found=True, **fields):
    """`edited`: index to new text. The edits are whole turns."""
    edited = {turn: "Let me look it up."} if edited is None else edited
    turns = tuple(replace(one, content=edited.get(i, one.content)) for i, one in enumerate(TALK.turns[: turn + 1]))
    if question == "regenerate":
        turns = (*turns[:-1], replace(turns[-1], content=fields.get("response_after", "A new answer.")))
    values = {
        "conversation_id": "c1",
        "turn": turn,
        "rubric": "helpfulness",
        "question": question,
        "goal": "cross",
        "search": "guided",
        "found": found,
        "delta": 0.1,
        "score_before": before,
        "score_after": after,
        "score_again": None,
        "edits": tuple(
            Edit(Unit(i, 0, len(TALK.turns[i].content), "turn"), TALK.turns[i].content, text)
            for i, text in edited.items()
        ),
        "turns": turns,
        "response_before": TALK.turns[turn].content,
        "response_after": turns[turn].content,
        "calls": 9,
        "prompts": 9,
        "infills": 3,
        "failed": 0,
        "trace": (),
        "edit_distance": 4,
        "edit_rate": 0.5,
        "stopped": "found",
        "seconds": 1.0,
        "judge": "scripted",
        "responder": None,
        "infiller": "fake",
    }
    return Contrast(**{**values, **fields})


class Scores:
    """Scores by the text of the turn; remembers what was asked."""

    def __init__(self, **known):
        self.known = {text.replace("_", " "): value for text, value in known.items()}
        self.asked = []

    async def __call__(self, conversation, turn, rubric):
        assert len(conversation.turns) == turn + 1
        self.asked.append((turn, conversation.turns[turn].content, rubric))
        value = self.known.get(conversation.turns[turn].content.rstrip("."))
        return Judgement(conversation.id, turn, rubric, value, None, None, Evidence(), "second judge", "sha")


def made(*kept, scores=None, **settings):
    """The pairs of contrasts that a reviewer has accepted, where the test says nothing else."""
    some = [
        one if isinstance(one, ReviewedContrast) else ReviewedContrast(i, TALK, one, "accept")
        for i, one in enumerate(kept, 1)
    ]
    return asyncio.run(preference_pairs(some, scores or Scores(), PairSettings(**settings)))


def only(found):
    assert found.left_out == {}
    (pair,) = found.pairs
    return pair


def test_a_revised_turn_is_paired_with_itself_after_its_own_history():
    scores = Scores()
    pair = only(made(contrast(), scores=scores))
    assert pair.prompt == TALK.turns[:5]
    assert (pair.chosen.content, pair.rejected.content) == ("Let me look it up.", "Yes.")
    assert (pair.score_chosen, pair.score_rejected, pair.margin) == (0.8, 0.2, pytest.approx(0.6))
    assert scores.asked == []  # the contrast holds both scores, of the same history
    assert pair.provenance["edits"] == [["Yes.", "Let me look it up."]]


def test_with_final_answers_only_regenerated_pairs_are_final():
    pair = only(made(contrast(), final_answers=True))
    assert (pair.chosen.content, pair.final) == ("Let me look it up.", False)
    one = contrast("regenerate", edited={1: "It left on Friday."}, response_after="A new answer.")
    written = ReviewedContrast(1, TALK, one, "fix", "It left today.")  # of the edited turn, which is not in such a pair
    pair = only(made(written, scores=Scores(Yes=0.2, A_new_answer=0.6), final_answers=True))
    assert (pair.final, pair.provenance["by_hand"]) == (True, False)


def test_a_good_turn_made_bad_is_the_chosen_one():
    pair = only(made(contrast(before=0.9, after=0.3)))
    assert (pair.chosen.content, pair.rejected.content) == ("Yes.", "Let me look it up.")


@pytest.mark.parametrize("question", ["rescore", "regenerate"])
def test_an_earlier_edited_turn_is_cut_there_and_judged_itself(question):
    scores = Scores(It_left_on_Monday=0.4, It_left_on_Friday=0.7)
    pair = only(made(contrast(question, edited={1: "It left on Friday."}), scores=scores))
    assert pair.prompt == TALK.turns[:1]
    assert (pair.chosen.content, pair.rejected.content) == ("It left on Friday.", "It left on Monday.")
    assert (pair.score_chosen, pair.score_rejected) == (0.7, 0.4)
    assert scores.asked == [(1, "It left on Monday.", "helpfulness"), (1, "It left on Friday.", "helpfulness")]
    assert (pair.turn, pair.provenance["judged_turn"]) == (1, 5)


def test_a_worse_earlier_turn_that_a_fixed_answer_fits_better_is_no_preference():
    scores = Scores(It_left_on_Monday=0.7, It_left_on_Friday=0.4)
    found = made(contrast("rescore", edited={1: "It left on Friday."}), scores=scores)
    assert (found.pairs, found.left_out) == ((), {p.OTHER_WAY: 1})


@pytest.mark.parametrize(("before", "after"), [(0.2, 0.8), (0.8, 0.2)])
def test_no_movement_is_a_small_one_whichever_way_the_contrast_goes(before, after):
    scores = Scores(It_left_on_Monday=0.5, It_left_on_Friday=0.5)
    one = contrast("rescore", edited={1: "It left on Friday."}, before=before, after=after)
    found = made(one, scores=scores)
    assert dict(found.left_out) == {p.SMALL: 1}


def test_final_answers_are_both_judged_after_the_original_history():
    scores = Scores(A_new_answer=0.6, Yes=0.3)  # not the contrast's 0.2, which is another judge's
    one = contrast("regenerate", edited={1: "It left on Friday."}, response_after="A new answer.")
    pair = only(made(one, scores=scores, final_answers=True))
    assert pair.prompt == TALK.turns[:5]
    assert (pair.chosen.content, pair.rejected.content) == ("A new answer.", "Yes.")
    assert scores.asked == [(5, "Yes.", "helpfulness"), (5, "A new answer.", "helpfulness")]
    assert (pair.score_chosen, pair.score_rejected, pair.final) == (0.6, 0.3, True)


@pytest.mark.parametrize(
    ("one", "settings", "reason"),
    [
        (contrast(found=False), {}, pair_forms.NOT_FOUND),
        (contrast(found=False, score_again=0.3), {}, pair_forms.UNCONFIRMED),
        (contrast(after=None), {}, pair_forms.UNSCORED),
        (contrast("rescore", edited={1: "a", 3: "b"}), {}, pair_forms.SEVERAL),
        (contrast("rescore", edited={2: "When?"}), {}, pair_forms.NOT_ASSISTANT),
        (contrast("rescore", edited={1: "never judged"}), {}, pair_forms.UNSCORED),
        (contrast(edited={5: "Yes."}), {}, pair_forms.IDENTICAL),
        (contrast(edited={5: " Yes.\n"}), {}, pair_forms.IDENTICAL),
        (contrast(edited={5: " "}), {}, p.EMPTY),
        (contrast(before=0.45, after=0.54), {"min_margin": 0.1}, p.SMALL),
        (contrast(), {"final_answers": False, "min_margin": 0.7}, p.SMALL),
        (contrast("rescore", edited={1: "x"}), {"final_answers": True}, pair_forms.NO_ANSWERS),
    ],
)
def test_what_is_no_preference_is_left_out_and_counted(one, settings, reason):
    found = made(one, **settings)
    assert (found.pairs, dict(found.left_out), found.contrasts) == ((), {reason: 1}, 1)


def test_a_first_turn_has_no_prompt():
    talk = Conversation("c2", (Turn("assistant", "Yes."),))
    found = made(ReviewedContrast(1, talk, replace(contrast(), turn=0, turns=(Turn("assistant", "Hello."),)), "accept"))
    assert dict(found.left_out) == {p.EMPTY: 1}


def test_the_same_pair_comes_once():
    found = made(contrast(), contrast(search="few"), contrast(rubric="harm"))
    assert [pair.rubric for pair in found.pairs] == ["helpfulness", "harm"]
    assert dict(found.left_out) == {p.DUPLICATE: 1}


def test_reviewers_have_the_last_word():
    scores = Scores(A_better_one=0.9, A_worse_one=0.1, Yes=0.5)
    found = made(
        ReviewedContrast(1, TALK, contrast(), "accept"),
        ReviewedContrast(2, TALK, contrast(), "reject"),
        ReviewedContrast(3, TALK, contrast(), "fix", "A better one."),
        ReviewedContrast(4, TALK, contrast(), "fix", "A worse one."),
        scores=scores,
    )
    assert dict(found.left_out) == {pair_forms.REJECTED: 1, p.WORDING: 1}  # what was written by hand is judged again
    assert [(pair.chosen.content, pair.rejected.content) for pair in found.pairs] == [
        ("Let me look it up.", "Yes."),
        ("A better one.", "Yes."),
    ]
    assert [pair.provenance["by_hand"] for pair in found.pairs] == [False, True]
    # Both scores of a pair are one judge's, and its name stands there.
    assert [pair.margin for pair in found.pairs] == pytest.approx([0.6, 0.4])
    assert [pair.provenance["judge"] for pair in found.pairs] == ["scripted", "second judge"]


@pytest.mark.parametrize(("score", "left_out"), [(0.9, {}), (0.5, {p.WORDING: 1}), (0.1, {p.WORDING: 1})])
def test_a_reviewers_words_in_place_of_a_worsening_must_be_better_than_the_logged_turn(score, left_out):
    worsening = ReviewedContrast(1, TALK, contrast(before=0.5, after=0.1), "fix", "My words.")
    found = made(worsening, scores=Scores(My_words=score, Yes=0.5))
    assert [pair.chosen.content for pair in found.pairs] == ([] if left_out else ["My words."])
    assert dict(found.left_out) == left_out


def test_a_worsening_is_never_chosen():
    worse = {"before": 0.8, "after": 0.2}
    earlier = {1: "It left on Friday."}
    for question, settings in (("rescore", {}), ("regenerate", {}), ("regenerate", {"final_answers": True})):
        scores = Scores(It_left_on_Monday=0.3, It_left_on_Friday=0.6, Yes=0.3, A_new_answer=0.6)
        found = made(contrast(question, edited=earlier, **worse), scores=scores, **settings)
        assert (found.pairs, dict(found.left_out)) == ((), {p.OTHER_WAY: 1})
    # A search was to lower the score, and fresh draws of the turn have a higher mean than the logged one.
    found = made(contrast(before=0.5, after=0.2, score_again=0.7, goal="worsen"))
    assert (found.pairs, dict(found.left_out)) == ((), {p.OTHER_WAY: 1})


def test_what_nobody_has_reviewed_stays():
    scores = Scores()
    found = made(
        ReviewedContrast(1, TALK, contrast()),
        ReviewedContrast(2, TALK, contrast("rescore", edited={1: "It left on Friday."})),
        ReviewedContrast(3, TALK, contrast(found=False)),
        scores=scores,
    )
    assert (found.pairs, dict(found.left_out)) == ((), {pair_forms.UNREVIEWED: 2, pair_forms.NOT_FOUND: 1})
    assert (found.reviewed, found.unreviewed_note, scores.asked) == (0, "0 of 3 contrasts are reviewed", [])
    found = made(contrast(), ReviewedContrast(2, TALK, contrast(rubric="harm")))
    assert (len(found.pairs), found.unreviewed_note) == (1, "1 of 2 contrasts is reviewed")
    assert made(contrast()).unreviewed_note == ""


def test_fresh_measurements_are_the_score_of_a_revised_turn():
    assert only(made(contrast(score_again=0.7))).score_chosen == 0.7


@pytest.mark.parametrize(
    ("before", "after", "again", "chosen"),
    [
        (0.2, 0.1, 0.7, "Let me look it up."),  # its first measurement was an unlucky one
        (0.5, 0.7, 0.2, "Yes."),
        (0.5, 0.2, 0.3, "Yes."),
        (0.5, 0.7, None, "Let me look it up."),
    ],
)
def test_fresh_measurements_say_which_turn_is_better(before, after, again, chosen):
    pair = only(made(contrast(before=before, after=after, score_again=again)))
    assert pair.chosen.content == chosen
    assert {pair.score_chosen, pair.score_rejected} == {before, after if again is None else again}


def test_only_what_was_asked_for_is_looked_at():
    found = made(contrast(), contrast(rubric="harm"), contrast("rescore", edited={1: "x"}), rubrics=frozenset({"harm"}))
    assert (found.contrasts, len(found.pairs)) == (1, 1)
    assert made(contrast(), questions=frozenset({"rescore"})).contrasts == 0


def test_a_conversation_is_on_one_side_always():
    sides = {split_of(f"c{i}", 0.25) for i in range(50)}
    assert sides == {"train", "test"}
    share = sum(split_of(f"c{i}", 0.25) == "test" for i in range(4000)) / 4000
    assert share == pytest.approx(0.25, abs=0.03)
    assert all(split_of(f"c{i}", 0.1) == "train" or split_of(f"c{i}", 0.3) == "test" for i in range(500))
    assert split_of("x", 0.0) == "train"


@pytest.mark.parametrize(("name", "value"), [("min_margin", -0.1), ("min_margin", 1.5), ("test", 1.0), ("test", -1)])
def test_settings_that_cannot_be_meant(name, value):
    with pytest.raises(UsageError, match=f"{name}="):
        PairSettings(**{name: value})


def test_what_a_reviewer_rejected_does_not_leave_as_an_unreviewed_edit_of_another_search():
    natural = contrast(search="few", naturalness=0.0)
    gates = PairGates(rubrics={"helpfulness": load_rubric("helpfulness")})
    decisions = {"reject": (0, {pair_forms.REJECTED: 2}), "accept": (1, {p.DUPLICATE: 1})}
    for decision, (count, left_out) in decisions.items():
        for order in (1, -1):
            two = [ReviewedContrast(1, TALK, natural), ReviewedContrast(2, TALK, contrast(), decision)][::order]
            found = asyncio.run(preference_pairs(two, Scores(), PairSettings(unreviewed=True), gates=gates))
            assert (len(found.pairs), dict(found.left_out)) == (count, left_out)


@pytest.mark.parametrize(
    ("rejected", "settings"),
    [
        ({"rubric": "harm"}, {"rubrics": frozenset({"helpfulness"})}),
        ({"question": "rescore", "edited": {5: "Let me look it up."}}, {"questions": frozenset({"revise"})}),
    ],
)
def test_what_was_rejected_under_another_filter_does_not_leave_either(rejected, settings):
    gates = PairGates(rubrics={"helpfulness": load_rubric("helpfulness")})
    natural = ReviewedContrast(1, TALK, contrast(naturalness=0.0))
    for decision, count in (("reject", 0), ("accept", 1)):
        two = [natural, ReviewedContrast(2, TALK, contrast(**rejected), decision)]
        chosen = PairSettings(unreviewed=True, **settings)
        made_pairs = asyncio.run(preference_pairs(two, Scores(), chosen, gates=gates))
        assert (len(made_pairs.pairs), made_pairs.contrasts) == (count, 1)
        assert dict(made_pairs.left_out) == ({pair_forms.REJECTED: 1} if decision == "reject" else {})
