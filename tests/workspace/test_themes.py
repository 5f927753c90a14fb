"""Themes of a run: found, kept, corrected, pinned, and made into rubrics."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from convexplain import Conversation, Turn
from convexplain.analysis.themes.theme import LowScores, Theme, ThemeMember
from convexplain.cli.main import cli
from convexplain.errors import StoreError, UsageError
from convexplain.rubrics import parse_rubric, rubric_problems
from convexplain.store import ScoredTurn, keep_attributions, keep_ratings
from convexplain.store.themes import keep_themes, stored_themes, theme_search
from convexplain.types import Evidence, Judgement, Rating, Unit
from convexplain.workspace import Workspace
from convexplain.workspace.flagged_turns import RunTurns
from convexplain.workspace.theme_results import theme_sentences
from convexplain.workspace.themes import _examples
from tests.dashboard.sample_stores import attribution
from tests.theme_store import HARM, HELPFULNESS, MODES, two_modes
from tests.trust_states import keep_trust


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    yield opened
    opened.close()


def modes_of(numbers, themes):
    """The modes of the members of each theme, by the conversations' ids."""
    names = {number: name.partition("-")[0] for name, number in numbers.items()}
    return [sorted({names[member.number] for member in theme.theme.members}) for theme in themes]


def test_two_failure_modes_are_two_themes_with_their_figures(workspace):
    """20 judged turns, 9 below the threshold: 5 ask again (25 %), 4 advertise (20 %), all 4 of these by bot 2."""
    run, numbers = two_modes(workspace.store)
    assert workspace.stored_themes(run) is None
    themes = workspace.themes(run)
    assert (themes.search.judged, themes.search.flagged, themes.search.ungrouped) == (20, 9, ())
    assert themes.search.basis == "Grouped are the turns below the threshold on helpfulness."
    assert modes_of(numbers, themes.themes) == [["again"], ["advert"]]
    again, advert = themes.themes
    assert [(theme.count, round(theme.theme.share, 3)) for theme in (again, advert)] == [(5, 0.25), (4, 0.2)]
    assert [(excess.field, excess.value, excess.count) for excess in advert.theme.excesses] == [("bot", "bot 2", 4)]
    assert [turn.headline for turn in advert.typical] == ["Turn 3: it advertises."] * 3
    assert workspace.stored_themes(run) == themes
    assert themes.to_dict()["themes"][0]["count"] == 5
    assert list(themes.to_pandas()["turns"]) == [5, 4]


def test_themes_are_compared_where_they_were_grouped_by_one_rule(workspace):
    """Both runs have 5 turns that ask again and 4 that advertise; the third groups the lowest 45 %."""
    first, second = (two_modes(workspace.store)[0] for _ in range(2))
    third, _ = two_modes(workspace.store, "unvalidated", "judge-b")
    assert workspace.compare_themes(first, second).reason == "Nobody has looked for themes in one of the runs."
    workspace.themes(first)
    workspace.themes(second)
    workspace.themes(third, lowest=0.45)
    same = workspace.compare_themes(first, second)
    assert sorted((change.before, change.after) for change in same.changes) == [(4, 4), (5, 5)]
    assert same.reason == ""
    other = workspace.compare_themes(first, third)
    assert other.changes is None
    assert other.reason == (
        "Themes are not compared, for other turns were grouped in each run. Run 1: Grouped are the turns below the "
        "threshold on helpfulness. Run 3: Grouped are the turns among the lowest 45 % of the scores on helpfulness, "
        "whose scores only sort turns."
    )


def test_scores_that_only_sort_give_the_lowest_share(workspace):
    """A tenth of 20 turns are 2: too few for a theme; 45 % are the 9 low ones."""
    run, numbers = two_modes(workspace.store, trust="unvalidated")
    few = workspace.themes(run)
    assert (few.search.flagged, few.themes) == (2, ())
    assert few.search.basis == (
        "Grouped are the turns among the lowest 10 % of the scores on helpfulness, whose scores only sort turns."
    )
    many = workspace.themes(run, lowest=0.45)
    assert many.search.flagged == 9
    assert modes_of(numbers, many.themes) == [["again"], ["advert"]]
    for lowest in (0, 1.1, -1):
        with pytest.raises(UsageError, match=r"lowest=.* is not valid; give a share of turns in \(0, 1\]"):
            workspace.themes(run, lowest=lowest)
    with pytest.raises(UsageError, match="explain=-1 is not valid"):
        workspace.themes(run, explain=-1)


def test_a_turn_that_a_person_calls_bad_in_a_note_counts_too(workspace):
    run, numbers = two_modes(workspace.store)
    analyzed = workspace.run(run)
    talks = dict(workspace.store.numbered_conversations(run))
    for name, score in (("good-0", 0.0), ("good-1", 1.0)):
        talk = talks[numbers[name]]
        note = Rating(talk.id, 3, "helpfulness", score, "anna", "no", "names no street")
        keep_ratings(workspace.store, [(talk, note)])
    turns = RunTurns(analyzed)
    assert turns.basis == (
        "Grouped are the turns below the threshold on helpfulness, and those that reviewers called bad."
    )
    assert (numbers["good-0"], 3) in turns.failures
    assert (numbers["good-1"], 3) not in turns.failures
    (flagged,) = turns.turns([(numbers["good-0"], 3)])
    assert (flagged.notes, flagged.rubrics, flagged.bot) == (("names no street",), ("helpfulness",), "bot 1")


@pytest.mark.parametrize("noted", ["helpfulness", "harm"])
def test_a_turn_that_only_a_note_flags_is_shown_with_the_maxim_of_the_note(workspace, noted):
    run, numbers = two_modes(workspace.store, others=[HARM])
    keep_trust(workspace.store, "judge-a", {HELPFULNESS: "benchmarked", HARM: "benchmarked"})
    place = numbers["good-0"], 3
    talk = dict(workspace.store.numbered_conversations(run))[place[0]]
    evidence = Evidence("label_probability", {"yes": 0.99, "no": 0.01})
    judgement = Judgement(talk.id, 3, "harm", 0.99, "yes", None, evidence, "m", "s")
    workspace.store.keep_judgement(run, place[0], HARM, judgement)  # on helpfulness it scores 0.9, which is lower
    keep_ratings(workspace.store, [(talk, Rating(talk.id, 3, noted, 0.0, "anna", "no", "hurts the customer"))])
    turns = RunTurns(workspace.run(run))
    assert turns.score_of(place).rubric == noted
    (flagged,) = turns.turns([place])
    assert flagged.rubrics == (noted,)


def test_a_flagged_turn_has_what_is_known_of_its_failure(workspace):
    run, numbers = two_modes(workspace.store)
    turns = RunTurns(workspace.run(run))
    (flagged,) = turns.turns([(numbers["again-2"], 3)])
    assert (flagged.number, flagged.turn, round(flagged.score, 6)) == (numbers["again-2"], 3, 0.12)
    assert (flagged.reasons, flagged.source, flagged.earlier) == (("It asks again.",), "shop.jsonl", None)
    assert any(clause.startswith("ends with a question of its own") for clause in flagged.clauses)
    groups = turns.groups()
    assert (groups.judged, groups.by_source, groups.by_bot) == (20, {"shop.jsonl": 20}, {"bot 1": 16, "bot 2": 4})
    assert (groups.earlier, groups.later) == (10, 10)  # the 11th of the 20 dates in order is the 6th of January
    assert {turn.reply for turn in groups.good} <= {MODES["good"].format(i=i) for i in range(11)}


def test_scores_of_a_judge_that_is_no_better_than_chance_are_not_grouped(workspace):
    run, _ = two_modes(workspace.store, trust="no better")
    search = workspace.themes(run).search
    assert (search.judged, search.flagged, search.basis) == (0, 0, "No turns are grouped.")
    assert search.notes == ("Left out are the scores on helpfulness: the judge is no better than chance there.",)


def test_themes_of_scores_that_no_longer_count_lose_no_turns(workspace):
    run, _ = two_modes(workspace.store)
    again, advert = workspace.themes(run).themes
    keep_trust(workspace.store, "judge-a", {HELPFULNESS: "no better"})
    with pytest.raises(UsageError, match=f"theme {again.number}: none of its turns has a score that counts now"):
        workspace.merge_themes(again.number, advert.number)
    assert [theme.count for theme in workspace.stored_themes(run).themes] == [5, 4]


def test_turns_that_are_not_flagged_may_score_low_together(workspace):
    """All 20 turns are candidates; those below the threshold of 0.5 are flagged."""
    run, numbers = two_modes(workspace.store)
    candidates = {candidate.turn.place: candidate for candidate in RunTurns(workspace.run(run)).candidates()}
    assert len(candidates) == 20
    again, good = candidates[numbers["again-2"], 3], candidates[numbers["good-3"], 3]
    assert (again.flagged, good.flagged) == (True, False)
    assert {name: round(score, 3) for name, score in good.scores.items()} == {"helpfulness": 0.903}


@pytest.mark.parametrize(("flagged", "verb"), [(1, "1 turn of it is"), (2, "2 turns of it are")])
def test_a_theme_says_that_its_turns_score_low_together(flagged, verb):
    low = LowScores("harm", flagged, 9, 0.694, 0.86, 0.8, 0.012)
    (sentence,) = theme_sentences(Theme("n", (), (), 0.1, (0.0, 1.0), low=low))
    assert sentence == (
        f"{verb} flagged one by one, but together they score low: 0.69 on harm on average of 9 different replies, "
        "where replies that do nothing of the kind have 0.86 (q = 0.012)."
    )


def test_a_theme_whose_turns_are_all_flagged_does_not_say_how_many_are():
    low = LowScores("harm", 2, 2, 0.1, 0.86, 1.0, 0.012)
    members = (ThemeMember(1, 3, 0.9), ThemeMember(2, 3, 0.8))
    (sentence,) = theme_sentences(Theme("n", (), members, 0.1, (0.0, 1.0), low=low))
    assert sentence.startswith("Together they score low: 0.10 on harm on average of 2 different replies, ")


def test_turns_of_themes_that_are_not_flagged_are_counted(workspace):
    """The good turn that a person puts into a theme is a tenth turn of themes, beside the 9 flagged ones."""
    run, numbers = two_modes(workspace.store)
    themes = workspace.themes(run)
    assert themes.size == "20 judged turns, 9 grouped: 9 in 2 themes, 0 in none."
    workspace.add_to_theme(themes.themes[0].number, (numbers["good-0"], 3))
    size = workspace.stored_themes(run).size
    assert size == f"{themes.size} The themes have 1 more turn that is not flagged one by one."
    (added,) = [turn for turn in workspace.theme_turns(themes.themes[0].number) if turn.judged.score >= 0.5]
    assert (
        added.headline
        == f"Turn 3 scores {added.judged.score:.2f} on helpfulness: by itself it is not below the threshold."
    )


def test_members_are_shown_for_the_maxim_that_they_are_grouped_for(workspace):
    """All turns score 0.05 on harm, above its threshold of 0.01 here; 9 score 0.1 to 0.14 on helpfulness, and fail."""
    harm = replace(HARM, threshold=0.01)
    run, _ = two_modes(workspace.store, others=[harm])
    keep_trust(workspace.store, "judge-a", {harm: "benchmarked"})
    for number, talk in workspace.store.numbered_conversations(run):
        evidence = Evidence("label_probability", {"yes": 0.05, "no": 0.95})
        judgement = Judgement(talk.id, 3, "harm", 0.05, "no", None, evidence, "m", "s")
        workspace.store.keep_judgement(run, number, harm, judgement)
    shown = [turn.judged.rubric.id for theme in workspace.themes(run).themes for turn in theme.typical]
    assert shown == ["helpfulness"] * 6


def test_the_lowest_share_of_some_conversations_is_one_of_all_turns(workspace):
    """The lowest tenth of 20 scores are the two of 0.10: those of 0.13 and 0.14 are not among them."""
    run, numbers = two_modes(workspace.store, trust="unvalidated")
    some = frozenset(numbers[name] for name in ("again-3", "again-4"))
    failures = RunTurns(workspace.run(run), None, some).failures
    assert set(failures) == {(numbers["again-0"], 3), (numbers["advert-0"], 3)}


@pytest.mark.parametrize(
    ("side", "effect", "earlier", "words"),
    [
        pytest.param(-1, -2.0, [2], 1, id="parts that lower a low score"),
        pytest.param(1, 2.0, [], 0, id="parts that raise a good score"),
        pytest.param(1, -2.0, [2], 0, id="an earlier turn that lowers a good score"),
    ],
)
def test_what_raises_a_score_is_no_cause_of_a_failure(workspace, side, effect, earlier, words):
    run, numbers = two_modes(workspace.store, trust="unvalidated")
    talk = dict(workspace.store.numbered_conversations(run))[numbers["again-0"]]
    scored = ScoredTurn(numbers["again-0"], talk, 3, HELPFULNESS, 0.1)
    units = [Unit(i, 0, len(talk.turns[i].content), level) for i, level in ((2, "turn"), (3, "sentence"))]
    found = [replace(attribution(scored, unit.level, [unit], [effect]), side=side) for unit in units]
    keep_attributions(workspace.store, run, scored, "s", found)
    (flagged,) = RunTurns(workspace.run(run)).turns([(numbers["again-0"], 3)])
    assert flagged.earlier is not None
    assert [effect.turn for effect in flagged.earlier] == earlier
    assert len(flagged.words) == words


def test_people_merge_and_split_themes(workspace):
    run, numbers = two_modes(workspace.store)
    again, advert = workspace.themes(run).themes
    merged = workspace.merge_themes(again.number, advert.number)
    assert (merged.number, merged.count, round(merged.theme.share, 3)) == (again.number, 9, 0.45)
    with pytest.raises(StoreError, match=f"there is no theme {advert.number}"):
        workspace.theme_turns(advert.number)
    places = [(numbers[f"advert-{i}"], 3) for i in range(4)]
    new = workspace.split_theme(again.number, places, "advertises")
    assert (new.theme.name, new.count, round(new.theme.share, 3)) == ("advertises", 4, 0.2)
    assert [(excess.value, excess.count) for excess in new.theme.excesses] == [("bot 2", 4)]
    assert modes_of(numbers, workspace.stored_themes(run).themes) == [["again"], ["advert"]]
    unnamed = workspace.split_theme(new.number, places[:2])
    assert unnamed.theme.name


def test_people_put_a_turn_into_a_theme(workspace):
    """A good turn makes 6 of 20 (30 %); a turn of the other theme leaves that with 3 of 20 (15 %)."""
    run, numbers = two_modes(workspace.store)
    again, advert = workspace.themes(run).themes
    grown = workspace.add_to_theme(again.number, (numbers["good-0"], 3))
    assert (grown.count, round(grown.theme.share, 3), grown.theme.name) == (6, 0.3, again.theme.name)
    assert grown.theme.members[-1].number == numbers["good-0"]
    assert grown.theme.interval[0] < 0.3 < grown.theme.interval[1]
    assert workspace.add_to_theme(again.number, (numbers["good-0"], 3)) == grown  # it is there already
    assert workspace.add_to_theme(again.number, (numbers["advert-0"], 3)).count == 7
    smaller = next(theme for theme in workspace.stored_themes(run).themes if theme.number == advert.number)
    assert (smaller.count, round(smaller.theme.share, 3)) == (3, 0.15)
    for i in (1, 2):
        workspace.add_to_theme(again.number, (numbers[f"advert-{i}"], 3))
    with pytest.raises(UsageError, match=f"theme {advert.number} has no other turn"):
        workspace.add_to_theme(again.number, (numbers["advert-3"], 3))
    with pytest.raises(UsageError, match="has no score of it"):
        workspace.add_to_theme(again.number, (numbers["good-1"], 1))


def test_a_turn_that_people_put_into_a_theme_is_grouped(workspace):
    run, numbers = two_modes(workspace.store)
    workspace.themes(run)
    place = (numbers["good-3"], 3)
    search = replace(theme_search(workspace.store, run), ungrouped=(place, (numbers["good-4"], 3)))
    themes = [stored.theme for stored in stored_themes(workspace.store, run)]
    keep_themes(workspace.store, run, search, themes)
    workspace.add_to_theme(workspace.stored_themes(run).themes[0].number, place)
    assert workspace.stored_themes(run).search.ungrouped == ((numbers["good-4"], 3),)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([], "0 of 5 turns of theme 1; choose at least one, not all"),
        ([("again-0", 3)], None),
        ([("advert-0", 3)], "theme 1 has no such turn"),
        ([(f"again-{i}", 3) for i in range(5)], "5 of 5 turns of theme 1; choose at least one, not all"),
    ],
)
def test_turns_that_cannot_leave_a_theme_are_named(workspace, places, message):
    run, numbers = two_modes(workspace.store)
    first = workspace.themes(run).themes[0].number
    chosen = [(numbers[name], turn) for name, turn in places]
    if message is None:
        assert workspace.split_theme(first, chosen).count == 1
        return
    with pytest.raises(UsageError, match=message):
        workspace.split_theme(first, chosen)


def test_themes_that_cannot_be_merged_are_named(workspace):
    run, _ = two_modes(workspace.store)
    first, _ = (theme.number for theme in workspace.themes(run).themes)
    other_run, _ = two_modes(workspace.store, judge="judge-b")
    foreign = workspace.themes(other_run).themes[0].number
    for numbers, message in (
        ((first,), "name at least two different themes"),
        ((first, first), "name at least two different themes"),
        ((first, foreign), f"theme {first} is of run {run}: only themes of one run can be merged"),
    ):
        with pytest.raises(UsageError, match=message):
            workspace.merge_themes(*numbers)


def test_a_pinned_theme_is_found_again_in_a_later_run(workspace):
    run, _ = two_modes(workspace.store)
    again, _ = workspace.themes(run).themes
    workspace.rename_theme(again.number, "asks again")
    workspace.pin_theme(again.number)
    later, later_numbers = two_modes(workspace.store, judge="judge-b")
    first, second = workspace.themes(later).themes
    assert (first.theme.name, first.theme.pinned) == ("asks again", again.number)
    assert second.theme.pinned is None
    assert modes_of(later_numbers, [first]) == [["again"]]
    workspace.rename_theme(first.number, "asks twice")
    assert workspace.stored_themes(run).themes[0].theme.name == "asks twice"
    workspace.unpin_theme(again.number)
    assert all(theme.theme.pinned is None for theme in workspace.stored_themes(later).themes)


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_name_that_is_empty_or_too_long_is_refused(workspace, name):
    run, _ = two_modes(workspace.store)
    theme = workspace.themes(run).themes[0].number
    with pytest.raises(UsageError, match=r"name .* is not valid; write 1 to 80 characters"):
        workspace.rename_theme(theme, name)


def test_a_theme_of_too_few_different_texts_makes_no_rubric(workspace):
    run, _ = two_modes(workspace.store)
    theme = workspace.themes(run).themes[0].number
    workspace.rename_theme(theme, "asks again: the order number")
    # its replies are all the same text, and one text is one example
    with pytest.raises(UsageError, match=f"theme {theme} has 1 different turns; a rubric needs at least 3 examples"):
        workspace.theme_rubric(theme)


HOSTILE = "Bad {i}: 'quotes', \"double\", # not a comment, - no list, \x1b[31m, \u202e and \ud800 —: yes"


def test_a_rubric_of_hostile_texts_is_valid(workspace):
    run = workspace.store.begin_run("judge-c", "judge-c", {}, [HELPFULNESS]).id
    keep_trust(workspace.store, "judge-c", {HELPFULNESS: "benchmarked"})
    for i in range(12):
        text = HOSTILE.format(i=i) if i < 5 else f"Your parcel {i} arrives on Friday, and {i} more follow."
        talk = Conversation(f"c{i}", (Turn("user", f"Where is it? {i}"), Turn("assistant", text)), "s")
        number = workspace.store.keep_conversation(talk, run)
        score = 0.1 if i < 5 else 0.9
        evidence = Evidence("label_probability", {"yes": score, "no": 1 - score})
        judgement = Judgement(talk.id, 1, "helpfulness", score, "no", None, evidence, "m", "s")
        workspace.store.keep_judgement(run, number, HELPFULNESS, judgement)
    theme = workspace.themes(run).themes[0]
    workspace.rename_theme(theme.number, "says: 'bad' \x1b things # here")
    text = workspace.theme_rubric(theme.number)
    assert rubric_problems(text) == []
    rubric = parse_rubric(text, "rubric")
    assert [example.label for example in rubric.examples] == ["yes"] * 4 + ["no"] * 4
    assert rubric.id == "no_says_bad_things_here"
    assert all("\x1b" not in turn.content for example in rubric.examples for turn in example.turns)
    assert rubric.examples[0].turns[-1].content.startswith("Your parcel")


def test_what_is_known_of_a_theme_is_said_in_sentences(workspace):
    run, _ = two_modes(workspace.store)
    _, advert = workspace.themes(run).themes
    sentences = list(theme_sentences(advert.theme))
    assert sentences[0] == "More frequent than before: 0.0 % of the turns in the earlier half, 40.0 % in the later."
    assert sentences[1].startswith(
        "More frequent with the bot “bot 2”: 100.0 % of its turns (4 of 4), 0.0 % elsewhere (q ="
    )


def test_a_model_that_writes_names_the_themes_but_the_pinned_ones(workspace):
    """The first theme is named, the second reply is no name, and what people have named keeps its name."""
    run, _ = two_modes(workspace.store)
    prompts = []

    def model(prompt):
        prompts.append(prompt)
        return '{"name": "asks twice"}' if "order number" in prompt else "I do not know."

    before = workspace.themes(run).themes
    named = workspace.themes(run, judge=model).themes
    assert [theme.theme.name for theme in named] == ["asks twice", before[1].theme.name]
    assert len(prompts) == 2
    workspace.rename_theme(named[0].number, "mine")
    workspace.pin_theme(named[0].number)
    assert workspace.themes(run, judge=model).themes[0].theme.name == "mine"


def test_the_terminal_says_why_themes_are_not_compared(workspace, tmp_path):
    first, _ = two_modes(workspace.store)
    second, _ = two_modes(workspace.store, "unvalidated", "judge-b")
    workspace.themes(first)
    workspace.themes(second, lowest=0.45)
    words = ["runs", "compare", str(first), str(second), "--db", str(tmp_path / "store.db")]
    out = CliRunner().invoke(cli, words).output
    assert "Themes are not compared, for other turns were grouped in each run. Run 1: Grouped are" in out


def test_flagged_turns_stand_for_a_theme_before_others():
    """The most typical ones of each kind first; three are shown."""
    members = [ThemeMember(number, 1, 1 - number / 10) for number in range(1, 6)]
    turns = SimpleNamespace(failures={(4, 1): [], (5, 1): []})
    assert [member.number for member in _examples(turns, members)] == [4, 5, 1]
