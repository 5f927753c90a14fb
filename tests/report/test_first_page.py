"""The first page of a run's report: three questions, answered in words."""

from dataclasses import replace

import pytest

from convexplain.analysis.group_differences import GroupDifference
from convexplain.analysis.themes.theme import CommonCause, GroupExcess, LowScores, Trend
from convexplain.report.first_page import first_page, low_sentence
from convexplain.report.problem_examples import problem_example
from convexplain.report.trust_marks import trust_mark
from convexplain.store import ScoredTurn, keep_attributions, keep_contrast
from convexplain.types import Attribution, Contrast, Conversation, Edit, Evidence, Judgement, Turn, Unit
from convexplain.workspace import Workspace
from convexplain.workspace.run_changes import MaximChange, RunChange
from convexplain.workspace.run_story import LowTotal, SuggestedAction
from convexplain.workspace.trust import Trust
from tests.report.test_run_report import HOSTILE, Tags
from tests.theme_store import HELPFULNESS, MODES, two_modes
from tests.trust_states import AUC, keep_trust

TALKS = replace(HELPFULNESS, scope="conversation")


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    yield opened
    opened.close()


def page_of(workspace, story, tmp_path):
    written = workspace.report(html=tmp_path / "report.html")
    return first_page(workspace.store, 1, story), written["Report"].read_text("utf-8").replace("&#39;", "'")


def test_examples_of_a_validated_judge_need_no_caution(workspace):
    run, _ = two_modes(workspace.store, "validated")
    workspace.themes(run)
    notes = first_page(workspace.store, run, workspace.story(run)).problem_notes
    assert not [note for note in notes if "before you act" in note]


def change(mark, verdict, interval=(0.02, 0.12), rubric="helpfulness", title="Helpfulness"):
    return MaximChange(rubric, title, mark, 0.71, 0.78, interval, verdict)


def test_the_three_questions_are_answered_first(workspace, tmp_path):
    run, _ = two_modes(workspace.store)
    workspace.themes(run)
    story = workspace.story(run)
    first, page = page_of(workspace, story, tmp_path)
    assert first.days == "1 January 2026 to 20 January 2026"
    assert (first.question, first.verdict, first.changes) == ("How good is the bot?", "", [])
    assert first.note.startswith("There is no earlier run to compare with.")  # 14 to 20 January: four conversations
    assert first.total == "9 of 20 answers (45 %) are below a threshold."
    assert first.state[0].text.startswith("9 of 20 answers too low (45 %); mean score 0.55 (0.3")
    again, advert = first.problems
    assert again.size.startswith("5 answers, 25 % of all answers (")
    assert advert.facts[0] == "More frequent with “bot 2”: 100 % of the answers there, 0 % elsewhere."
    assert first.problem_notes == [
        "Read a few of them before you act: nobody has compared this judge with your people, so some may be good.",
        "Grouped are the turns below the threshold on helpfulness.",
        "No common cause is known: no turn was explained to look for one.",
    ]
    assert first.example.headline == "Turn 3: it asks again."
    assert first.example.question.startswith("It is 77")
    places = [page.index(text) for text in (
        "How good is the bot?", "9 of 20 answers (45 %)", "9 of 20 answers too low", "There is no earlier run",
        "What is the biggest problem?", "Show me one", "The next problems",
        "Where is it better or worse?", "What to do next", "How far to trust it", "Details",
    )]  # fmt: skip
    assert places == sorted(places)
    assert '<details class="maxim" id="m1"><summary>' in page  # folded
    assert "called maxims here" in page


@pytest.mark.parametrize(
    ("verdicts", "expected", "note"),
    [
        (["better"], "Yes, it is better: Helpfulness.", ""),
        (["worse"], "No, it is worse: Helpfulness.", ""),
        (["cannot tell"], "Cannot tell.", "The differences are so small that chance explains them."),
        (["better", "worse"], "Better: Helpfulness. Worse: Harm.", ""),
    ],
)
def test_the_verdict(workspace, verdicts, expected, note):
    run, _ = two_modes(workspace.store)
    story, mark = workspace.story(run), workspace.run(run).marks["helpfulness"]
    maxims = [
        change(mark, verdict, rubric=rubric, title=title)
        for verdict, (rubric, title) in zip(
            verdicts, (("helpfulness", "Helpfulness"), ("harm", "Harm (1 = good)")), strict=False
        )
    ]
    since = RunChange(tuple(maxims), "other conversations", 1, "run 1 (week 46)", "this run", "")
    first = first_page(workspace.store, run, replace(story, since=since))
    assert (first.question, first.verdict) == ("Is it better than last time?", expected)
    compared = "Run 1 (week 46) and this run are compared: other conversations of the same service."
    assert first.note == f"{compared} {note}".strip()
    words = {"better": "better", "worse": "worse", "cannot tell": "no clear change"}[verdicts[0]]
    assert first.changes[0].text == f"0.71 → 0.78, change +0.07 (+0.02 to +0.12): {words}"


def mark_of(state, use=None, better=True, verdict=""):
    return trust_mark(Trust("helpfulness", "judge-a", state, AUC, better, use, verdict))


BENCHMARKED = mark_of("benchmarked")
SORTS = mark_of("validated", "sorting")
UNTESTED = "There are too few conversations to tell a difference from chance."
BY_CHANCE = "The differences are so small that chance explains them."


@pytest.mark.parametrize(
    ("marks", "intervals", "expected"),
    [
        ([BENCHMARKED], [None], UNTESTED),
        ([BENCHMARKED, SORTS], [None, (0.02, 0.12)], UNTESTED),
        ([BENCHMARKED], [(-0.1, 0.2)], BY_CHANCE),
        ([BENCHMARKED, BENCHMARKED], [(-0.1, 0.2), (-0.3, 0.1)], BY_CHANCE),
        (
            [BENCHMARKED, BENCHMARKED],
            [(-0.1, 0.2), (-0.3, -0.1)],
            "Chance may explain all changes: one of 2 maxims often moves so far.",
        ),
        (
            [BENCHMARKED, BENCHMARKED],
            [(-0.1, 0.2), None],
            "Chance explains the differences, but on Harm there are too few conversations to tell.",
        ),
        (
            [SORTS],
            [(0.02, 0.12)],
            "The judge's scores cannot be relied on (sorting only), so a change of them proves nothing.",
        ),
        (
            [mark_of("validated", "neither", better=False)],
            [(0.02, 0.12)],
            "The judge's scores cannot be relied on (no better than chance), so a change of them proves nothing.",
        ),
        (
            [mark_of("benchmarked", better=False)],
            [(0.02, 0.12)],
            "The judge's scores are not checked against people, so a change of them proves nothing.",
        ),
    ],
)
def test_why_nobody_can_tell(workspace, marks, intervals, expected):
    run, _ = two_modes(workspace.store)
    names = (("helpfulness", "Helpfulness"), ("harm", "Harm (1 = good)"))
    maxims = [
        change(mark, "cannot tell", interval, *name)
        for mark, interval, name in zip(marks, intervals, names, strict=False)
    ]
    since = RunChange(tuple(maxims), "other conversations", 1, "run 1 (week 46)", "this run", "")
    first = first_page(workspace.store, run, replace(workspace.story(run), since=since))
    assert (
        first.note == f"Run 1 (week 46) and this run are compared: other conversations of the same service. {expected}"
    )


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (SORTS, ["Read a few of them before you act: your people's labels do not bear this judge out (sorting only)."]),
        (mark_of("validated", "flagging"), []),
        (
            BENCHMARKED,
            [
                "Read a few of them before you act: nobody has compared this judge with your people, so some may be "
                "good."
            ],
        ),
    ],
)
def test_the_caution_says_what_labels_say(workspace, mark, expected):
    run, _ = two_modes(workspace.store)
    workspace.themes(run)
    story = workspace.story(run)
    themes = [
        replace(theme, typical=tuple(replace(turn, mark=mark) for turn in theme.typical)) for theme in story.themes
    ]
    first = first_page(workspace.store, run, replace(story, themes=tuple(themes), worst=()))
    assert [note for note in first.problem_notes if "before you act" in note] == expected


@pytest.mark.parametrize(
    ("parts", "scored", "expected"),
    [
        ({"searched": True, "grouped": 9}, 20, "No problem repeats; the most serious is Helpfulness: 9 of 20 answers"),
        ({"searched": True, "grouped": 0, "worst": ()}, 20, "No answer is below its threshold."),
        ({"searched": False}, 20, "The most serious is Helpfulness: 9 of 20 answers too low."),
        ({"searched": False, "worst": ()}, 20, "No answer is below its threshold."),
        ({"searched": True, "grouped": 0, "worst": ()}, 0, "No answer has a score."),
        ({"searched": False, "worst": ()}, 0, "No answer has a score."),
    ],
)
def test_why_there_is_no_problem(workspace, parts, scored, expected):
    run, _ = two_modes(workspace.store)
    story = workspace.story(run)
    states = tuple(replace(state, scored=scored) for state in story.states)
    assert first_page(workspace.store, run, replace(story, states=states, **parts)).missing.startswith(expected)


def test_a_judge_that_only_sorts_names_the_lowest_score(workspace):
    run, _ = two_modes(workspace.store, "unvalidated")
    first = first_page(workspace.store, run, workspace.story(run))
    assert first.missing == "The lowest score is on Helpfulness: 0.10."
    assert first.total == ""


@pytest.mark.parametrize(
    ("low", "scored", "expected"),
    [
        (8, 71, "8 of 71 answers (11 %) are below a threshold."),
        (1, 71, "1 of 71 answers (1.4 %) is below a threshold."),
        (0, 71, "None of 71 answers is below a threshold."),
    ],
)
def test_the_total_is_a_sentence(low, scored, expected):
    assert low_sentence(LowTotal(low, scored, "turn"), "answer") == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("theme", "Do it."),
        ("find themes", "Do it. The command: `convexplain themes 1`."),
        ("explain", "Do it. The command: `convexplain explain 1`."),
        ("label", "Do it. The page Labels of the dashboard asks for them: `convexplain dashboard`."),
        ("validate", "Do it. The command: `convexplain judges validate --run 1`."),
        ("judge", "Do it. The command: `convexplain judges list`."),
    ],
)
def test_a_suggestion_says_how_it_is_followed(workspace, kind, expected):
    run, _ = two_modes(workspace.store)
    story = replace(workspace.story(run), actions=(SuggestedAction(kind, "Do it."),))
    assert first_page(workspace.store, run, story).actions == [expected]


def test_a_report_finds_the_themes_where_nobody_has(workspace, tmp_path):
    run, _ = two_modes(workspace.store)
    page = workspace.report(html=tmp_path / "report.html")["Report"].read_text("utf-8")
    assert "The next problems" in page  # two modes, two themes
    assert len(workspace.stored_themes(run).themes) == 2
    renamed = workspace.rename_theme(workspace.stored_themes(run).themes[0].number, "asks twice")
    workspace.report(html=tmp_path / "report.html")
    assert workspace.stored_themes(run).themes[0] == renamed  # kept as people left them


def test_a_run_that_is_not_complete_keeps_no_themes(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(type(workspace.store), "end_run", lambda *arguments: None)
    run, _ = two_modes(workspace.store)
    page = workspace.report(html=tmp_path / "report.html")["Report"].read_text("utf-8")
    assert workspace.stored_themes(run) is None
    assert "<code>convexplain themes 1</code>" in page
    assert "`" not in page.partition("<body>")[2]


def test_a_report_looks_for_no_themes_where_that_takes_long(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr("convexplain.workspace.themes._QUICK_FLAGGED", 8)  # 9 are flagged
    run, _ = two_modes(workspace.store)
    workspace.report(html=tmp_path / "report.html")
    assert workspace.stored_themes(run) is None


def test_the_search_tells_how_many_turns_it_had(workspace):
    run, _ = two_modes(workspace.store)
    assert workspace.story(run).grouped == 0
    workspace.themes(run)
    assert workspace.story(run).grouped == 9  # 5 and 4 of COUNTS are below the threshold


def test_whole_conversations_are_not_called_answers(workspace):
    run = workspace.store.begin_run("judge-a", "judge-a", {}, [TALKS]).id
    keep_trust(workspace.store, "judge-a", {TALKS: "benchmarked"})
    for i in range(30):
        low = i < 5
        turns = (Turn("user", f"Hello, this is customer {i}."), Turn("assistant", MODES["again" if low else "good"]))
        number = workspace.store.keep_conversation(Conversation(f"c-{i}", turns, "shop.jsonl"), run)
        judgement = Judgement(f"c-{i}", 1, TALKS.id, 0.1 if low else 0.9, "no", None, Evidence("head", {}), "m", "s")
        workspace.store.keep_judgement(run, number, TALKS, judgement)
    workspace.store.end_run(run, "done", workspace.store.run(run).spend)
    story = workspace.story(run)
    group = GroupDifference(TALKS.id, "bot", "bot 2", 10, 20, 0.5, 0.8, 0.3, 0.05, (-0.4, -0.2), 0.01)
    first = first_page(workspace.store, run, replace(story, where=(group,)))
    assert first.state[0].text.startswith("5 of 30 conversations too low (17 %)")
    assert "with “bot 2” (10 conversations): 0.50" in first.where[0]


@pytest.mark.parametrize(("rubric", "noun"), [(TALKS, "conversation"), (HELPFULNESS, "answer")])
def test_a_theme_of_conversations_says_so(workspace, rubric, noun):
    run, _ = two_modes(workspace.store)
    workspace.themes(run)
    story = workspace.story(run)
    themes = tuple(
        replace(
            theme,
            typical=tuple(replace(turn, judged=replace(turn.judged, rubric=rubric)) for turn in theme.typical),
        )
        for theme in story.themes
    )
    states = tuple(replace(state, scope="conversation") for state in story.states)
    problem = first_page(workspace.store, run, replace(story, themes=themes, states=states)).problems[1]
    assert problem.size.startswith(f"4 {noun}s, 20 % of all {noun}s (")
    assert problem.facts[0] == f"More frequent with “bot 2”: 100 % of the {noun}s there, 0 % elsewhere."


def test_scores_that_only_sort_have_no_verdict_no_count_and_no_colour(workspace, tmp_path):
    run, _ = two_modes(workspace.store, "unvalidated")
    story = workspace.story(run)
    mark = workspace.run(run).marks["helpfulness"]
    since = RunChange((change(mark, "better"),), "weeks", None, "1–7 January 2026", "8–14 January 2026", "")
    first = first_page(workspace.store, run, replace(story, since=since))
    assert (first.question, first.verdict) == ("Is it better than the week before?", "Cannot tell.")
    assert first.note.endswith("The judge's scores are not checked against people, so a change of them proves nothing.")
    assert (first.changes[0].grey, first.changes[0].text) == (True, "0.71 → 0.78, change +0.07 (+0.02 to +0.12)")
    assert first.state[0].text.startswith("mean score 0.55")
    _, page = page_of(workspace, story, tmp_path)
    assert 'class="score low"' not in page
    assert 'class="score good"' not in page


def test_what_is_known_of_a_problem_is_said_in_words(workspace):
    run, _ = two_modes(workspace.store)
    workspace.themes(run)
    story = workspace.story(run)
    theme = replace(
        story.themes[0].theme,
        cause=CommonCause("is a message of the user that says “order number”", 4, 5, 2, 40, 0.001),
        excesses=(GroupExcess("source", "/logs/week 47.jsonl", 4, 8, 0.5, 0.05, 0.01),),
        trend=Trend(0.02, 0.15, (0.05, 0.2)),
    )
    changed = replace(story, themes=(replace(story.themes[0], theme=theme),))
    (problem,) = first_page(workspace.store, run, changed).problems
    assert problem.cause == (
        "In 4 of 5 explained answers an earlier message that matters is a message of the user that says “order "
        "number”; before good answers this holds in 2 of 40."
    )
    assert problem.facts == [
        "More frequent in “week 47.jsonl”: 50 % of the answers there, 5.0 % elsewhere.",
        "More frequent than before: 2.0 % of the answers in the earlier half, 15 % in the later.",
    ]
    assert problem.advice.startswith(
        "Change what the assistant does where an earlier turn is a message of the user that says"
    )


@pytest.mark.parametrize(("flagged", "beginning"), [(1, "1 of these answers is flagged one by one; t"), (None, "T")])
def test_a_problem_that_scores_low_together_says_how_low(workspace, flagged, beginning):
    run, _ = two_modes(workspace.store)
    workspace.themes(run)
    story = workspace.story(run)
    theme = story.themes[0].theme
    low = LowScores("harm", flagged or len(theme.members), 4, 0.31, 0.81, 0.9, 0.01)
    changed = replace(story, themes=(replace(story.themes[0], theme=replace(theme, low=low, trend=None)),))
    (problem,) = first_page(workspace.store, run, changed).problems
    assert problem.facts == [f"{beginning}ogether they score 0.31 on harm, where other answers have 0.81."]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (
            "bot",
            "bot 2",
            "Helpfulness is lower with “bot 2” (40 answers): 0.50, 0.80 elsewhere; too low are 30 % of them, 5.0 % "
            "elsewhere.",
        ),
        ("depth", "4–7", "Helpfulness is lower in turns 4–7 of conversations (40"),
        ("depth", "32–", "Helpfulness is lower from turn 32 on (40"),
        ("day", "2026-01-02", "Helpfulness is lower on 2 January 2026 (40"),
    ],
)
def test_groups_that_differ_are_sentences(workspace, field, value, expected):
    run, _ = two_modes(workspace.store)
    group = GroupDifference("helpfulness", field, value, 40, 20, 0.5, 0.8, 0.3, 0.05, (-0.4, -0.2), 0.01)
    first = first_page(workspace.store, run, replace(workspace.story(run), where=(group,)))
    assert first.where[0].startswith(expected)


def explained(workspace, text="Could you please send me your order number once more"):
    """Two modes, of which the most urgent turn is explained: its first sentence lowers the score, an edit mends it."""
    run, numbers = two_modes(workspace.store)
    talk = dict(workspace.store.numbered_conversations(run))[numbers["again-0"]]
    place, reply = ScoredTurn(numbers["again-0"], talk, 3, HELPFULNESS, 0.1), talk.turns[3].content
    unit = Unit(3, 0, len(text), "sentence")
    levels = [Attribution(
        "again-0", 3, "helpfulness", "rescore", "clime", "sentence", "log_odds", (unit,), (-2.0,), -2, -2.0, 0.0, 0.1,
        0.0, (), None, "remove", 4, 0, 1.0, "m", None, (),
    )]  # fmt: skip
    keep_attributions(workspace.store, run, place, "s", levels)
    turns = (*talk.turns[:3], Turn("assistant", f"Thank you{reply[len(text) :]}"))
    contrast = Contrast(
        "again-0", 3, "helpfulness", "revise", "cross", "guided", True, 0.1, 0.1, 0.8, None,
        (Edit(unit, text, "Thank you"),), turns, reply, turns[3].content, 7, 7, 3, 0, (), 2, 0.1, "found", 1.0, "m",
        None, "i", (), (1,),
    )  # fmt: skip
    keep_contrast(workspace.store, run, place, "s", contrast)
    return run


def test_an_answer_below_the_threshold_is_the_example_before_one_above_it(workspace):
    run, _ = two_modes(workspace.store)
    workspace.themes(run)
    theme = workspace.story(run).themes[0]
    low, mark = theme.typical[0].judged, replace(theme.typical[0].mark, flags=True)
    high = replace(low, score=0.74)
    assert problem_example(workspace.store, run, [(high, mark), (low, mark)]).score == low.score
    alone = problem_example(workspace.store, run, [(high, mark)])
    assert alone.headline == "Turn 3 scores 0.74 on helpfulness: by itself it is not below the threshold."


def test_the_example_has_its_guilty_words_and_an_edit(workspace, tmp_path):
    story = workspace.story(explained(workspace))
    first, page = page_of(workspace, story, tmp_path)
    assert first.missing == "The most serious is Helpfulness: 9 of 20 answers too low."
    assert first.command == "Whether a problem repeats is not known yet: `convexplain themes 1` looks for it."
    assert (first.example.conversation, first.example.turn, first.example.marked) == ("again-0", 3, True)
    assert (first.example.edited_score, first.example.unsuccessful) == (0.8, "")
    assert '<span class="mark guilty">Could you please send me your order number once more</span>' in page
    assert "An edit that lifts the score to 0.80. It shows what the judge reacts to. It may still" in page
    assert "again-0, turn 3 (turns are counted from 0)" in page
    assert "<ins>Thank" in page


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_a_theme_becomes_markup(workspace, tmp_path, text):
    run = explained(workspace)
    themes = workspace.themes(run)
    workspace.rename_theme(themes.themes[0].number, text.replace("\x00", "")[:80].strip() or "x")
    _, page = page_of(workspace, workspace.story(run), tmp_path)
    parser = Tags()
    parser.feed(page)
    assert not {"script", "img", "u", "iframe", "link"} & set(parser.tags)
    assert not [name for name in parser.attributes if name.startswith("on")]
