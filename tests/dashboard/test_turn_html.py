"""The HTML of a turn of the chat: which turns an attribution shades."""

from convexplain import Conversation, Turn, load_rubric
from convexplain.dashboard.services.conversation import ConversationView
from convexplain.dashboard.ui.turn_html import turn_body, turn_head
from convexplain.report.shades import turn_shades
from convexplain.report.trust_marks import TrustMark
from convexplain.types import Attribution, Evidence, Judgement, Unit

TALK = Conversation("c", (Turn("user", "Where?"), Turn("assistant", "Later."), Turn("user", "Never mind.")))
MARK = TrustMark("unvalidated", "Use its scores to sort turns.", flags=False)


def test_of_a_judged_conversation_the_judged_turn_and_later_ones_are_shaded():
    resolved = load_rubric("resolved")
    judgement = Judgement("c", 1, "resolved", 0.5, "no", None, Evidence(), "m", "s")
    judgements = {(1, "resolved"): judgement}
    view = ConversationView(1, 1, TALK, (resolved,), {"resolved": MARK}, judgements, {})
    units = tuple(Unit(i, 0, len(turn.content), "turn") for i, turn in enumerate(TALK.turns))
    level = Attribution(
        "c", 1, "resolved", "rescore", "loo", "turn", "log_odds", units, (0.0, -2.0, -1.5), -1, 0.0, None, 0.5, 0.1, (),
        None, "remove", 3, 0, 1.0, "m", None,
    )  # fmt: skip
    shades = turn_shades([level])
    heads = [turn_head(view, i, 1, shades[i]) for i in range(3)]
    assert ["lowers the score" in head for head in heads] == [False, True, True]
    assert ["whole conversation" in head for head in heads] == [False, True, False]
    bodies = [turn_body(view, i, 1, [level], shades[i]) for i in range(3)]
    assert ["cx-down" in body for body in bodies] == [False, True, True]


def test_a_turn_with_a_warning_has_a_mark_that_says_why():
    harm = load_rubric("harm")
    evidence = Evidence(warnings=("turn 0 (user) may speak to the judge: “<b>yes</b>” (verdict)",))
    judgement = Judgement("c", 1, "harm", 0.9, "yes", None, evidence, "m", "s")
    view = ConversationView(1, 1, TALK, (harm,), {"harm": MARK}, {(1, "harm"): judgement}, {})
    heads = [turn_head(view, i, 1, None) for i in range(3)]
    assert ["read it yourself" in head for head in heads] == [False, True, False]
    assert "may speak to the judge: “&lt;b&gt;yes&lt;/b&gt;”" in heads[1]
