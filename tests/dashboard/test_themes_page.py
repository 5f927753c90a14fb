"""The page Themes: empty, found, corrected; a theme opens its turns and becomes a rubric; hostile text stays text."""

import pytest

from convexplain import Conversation, Turn
from convexplain.dashboard.services.themes import rubric_draft, running_search
from convexplain.dashboard.ui.safe_text import label_text
from convexplain.store.jobs import add_job
from convexplain.workspace import Workspace
from convexplain.workspace.job_specs import ThemesJob, job_settings
from convexplain.workspace.theme_results import theme_sentences
from tests.theme_store import two_modes
from tests.trust_states import keep_trust

from .conftest import texts
from .sample_stores import HARM, hostile, keep


def press(found, key):
    found.button(key=key).click().run()
    assert not found.exception


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Turn 7 says 1,200.", "Turn 7 says 1\\,200\\."),
        ("![x](https://evil.example/m.png)", "\\!\\[x\\]\\(https\\:\u200b\\/\\/evil\\.example\\/m\\.png\\)"),
        (":material/delete: a\nb", "\\:\u200bmaterial\\/delete\\:\u200b a b"),
        ("$x$ <b> `c` ~d~ \\", "\\$x\\$ \\<b\\> \\`c\\` \\~d\\~ \\\\"),
    ],
)
def test_a_label_is_text_and_no_markdown(text, label):
    assert label_text(text) == label


def test_a_running_search_is_known_by_its_run(store, tmp_path):
    run, _ = two_modes(store)
    database = str(tmp_path / "store.db")
    assert running_search(database, run) is None
    job = add_job(store, "themes", job_settings(ThemesJob(run)), str(tmp_path), run, "another-host")
    assert (running_search(database, run), running_search(database, run + 1)) == (job, None)


def test_a_rubric_that_cannot_be_made_says_why(store):
    run, _ = two_modes(store)
    theme = Workspace(store).themes(run).themes[0].number
    assert rubric_draft(store, theme) == (
        "",
        f"theme {theme} has 1 different turns; a rubric needs at least 3 examples of each label",
    )


@pytest.mark.slow
def test_without_themes_it_offers_to_find_them(page, store):
    run, _ = two_modes(store)
    found = page("themes")
    assert not found.exception
    assert "Nobody has looked for themes in this run" in found.info[0].value
    assert found.button(key=f"themes-start-{run}").label == "Find themes"


@pytest.mark.slow
def test_people_name_pin_and_merge_themes(page, store):
    run, _ = two_modes(store)
    first, second = (theme.number for theme in Workspace(store).themes(run).themes)
    found = page("themes")
    assert not found.exception
    assert "20 judged turns, 9 grouped: 9 in 2 themes, 0 in none." in texts(found)
    found.text_input(key=f"theme-name-{first}").set_value("asks again").run()
    press(found, f"theme-rename-{first}")
    press(found, f"theme-pin-{first}")
    assert "asks again" in texts(found)
    assert [theme.theme.pinned for theme in Workspace(store).stored_themes(run).themes] == [first, None]
    found.text_input(key=f"theme-name-{second}").set_value("  ").run()
    press(found, f"theme-rename-{second}")
    assert "name '  ' is not valid; write 1 to 80 characters" in texts(found)
    found.multiselect(key=f"theme-others-{first}").set_value([second]).run()
    press(found, f"theme-merge-{first}")
    assert [theme.count for theme in Workspace(store).stored_themes(run).themes] == [9]


@pytest.mark.slow
def test_hostile_texts_stay_text(page, store):
    Workspace(store).themes(hostile(store))
    found = page("themes")
    assert not found.exception
    assert not any("<script" in part.proto.body or "<img" in part.proto.body for part in found.get("html"))


@pytest.mark.slow
def test_a_theme_of_which_nothing_more_is_known_has_no_empty_place(page, store):
    """One source, one bot and no date: a theme has no sentence."""
    run = store.begin_run("judge-a", "judge-a", {}, [HARM]).id
    keep_trust(store, "judge-a", {HARM: "benchmarked"})
    for i in range(5):
        text = "You fool, go away." if i < 4 else "It arrives on Friday."
        keep(store, run, Conversation(f"c{i}", (Turn("assistant", text),), "s"), {0: 0.1 if i < 4 else 0.9})
    themes = Workspace(store).themes(run).themes
    assert [theme.count for theme in themes] == [4]
    assert list(theme_sentences(themes[0].theme)) == []
    assert not page("themes").exception
