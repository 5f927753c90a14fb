"""The page Rubrics: read, edited as fields and as YAML, refused, kept, tried."""

import pytest
import yaml

from convexplain import load_rubric
from convexplain.dashboard.services.rubric_files import as_fields, as_yaml, save_rubric, try_rubric
from convexplain.errors import RubricError
from convexplain.rubrics import rubric_ids, rubric_problems, rubric_text
from convexplain.types import Turn

from .conftest import texts

pytestmark = pytest.mark.usefixtures("data_folder", "hears_ctrl_c")


def press(found, text):
    next(button for button in found.button if button.label == text).click().run()
    assert not found.exception


def save_button(found):
    return next(button for button in found.button if button.label == "Save as my own rubric")


@pytest.mark.slow
def test_a_maxim_is_shown(page):
    found = page("rubrics")
    assert not found.exception
    harm = load_rubric("harm")
    found.selectbox(key="rubric").set_value("harm").run()
    said = texts(found)
    for part in (harm.requirement, harm.labels[0].criterion, harm.notes[0], harm.examples[-1].turns[-1].content):
        assert part in said


@pytest.mark.slow
def test_fields_are_edited_and_kept(page, data_folder):
    found = page("rubrics")
    found.text_input(key="field-helpfulness-title").set_value("Polite help")
    found.text_input(key="field-helpfulness-id").set_value("polite").run()
    press(found, "Save as my own rubric")
    path = data_folder / "convexplain" / "rubrics" / "polite.yaml"
    assert f"Saved as {path}" in texts(found)
    kept, before = load_rubric(path), load_rubric("helpfulness")
    assert (kept.id, kept.title, kept.labels, kept.examples) == (
        "polite",
        "Polite help",
        before.labels,
        before.examples,
    )
    assert "polite (your own)" in page("rubrics").selectbox(key="rubric").options


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("title", " ", "title: ' ' does not match"),
        ("id", "Not Good", "id: 'Not Good' does not match"),
        ("examples", "- label: maybe\n  turns:\n  - assistant: x\n", "example 1 has the label 'maybe'; the labels are"),
        ("examples", "- label: yes\n  turns:\n  - user: x\n", "example 1 must end with an assistant turn"),
        ("examples", "- label: [", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(page, field, value, message):
    found = page("rubrics")
    key = f"field-helpfulness-{field}"
    widget = found.text_area(key=key) if field == "examples" else found.text_input(key=key)
    widget.set_value(value).run()
    assert not found.exception
    assert f"Problem: {message}" in texts(found)
    assert save_button(found).disabled


@pytest.mark.slow
def test_a_threshold_that_cannot_be_is_refused(page):
    found = page("rubrics")
    found.number_input(key="field-helpfulness-threshold").set_value(1.5).run()
    assert "threshold: 1.5 is greater than or equal to the maximum of 1" in texts(found)


@pytest.mark.slow
def test_yaml_is_edited(page):
    found = page("rubrics")
    found.segmented_control[0].set_value("YAML").run()
    area = found.text_area(key="yaml-helpfulness")
    area.set_value(area.value.replace("threshold: 0.5", "threshold: 7")).run()
    line = next(i for i, text in enumerate(area.value.splitlines(), 1) if text.startswith("threshold"))
    assert f"Problem: line {line}: threshold: 7 is greater than or equal to the maximum of 1" in texts(found)
    assert save_button(found).disabled


@pytest.mark.slow
def test_the_id_of_a_shipped_maxim_is_refused(page):
    found = page("rubrics")
    found.text_input(key="field-helpfulness-id").set_value("harm").run()
    press(found, "Save as my own rubric")
    assert "'harm' is a maxim that comes with convexplain" in texts(found)


@pytest.mark.slow
def test_a_file_of_ones_own_that_is_broken_can_be_mended(page, data_folder):
    folder = data_folder / "convexplain" / "rubrics"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("id: mine\n")
    found = page("rubrics")
    found.selectbox(key="rubric").set_value(str(folder / "mine.yaml")).run()
    assert not found.exception
    assert "'title' is a required property" in texts(found)
    assert found.text_area(key=f"yaml-{folder / 'mine.yaml'}").value == "id: mine\n"


@pytest.mark.parametrize("name", rubric_ids())
def test_fields_say_the_same_as_the_file(name, tmp_path):
    text = as_yaml(as_fields(rubric_text(name)) | {"id": "mine"})
    assert rubric_problems(text) == []
    kept, before = load_rubric(save_rubric(text, tmp_path)), load_rubric(name)
    assert (kept.labels, kept.examples, kept.notes, kept.scope) == (
        before.labels,
        before.examples,
        before.notes,
        before.scope,
    )


def test_a_rubric_that_is_not_valid_is_not_kept(tmp_path):
    with pytest.raises(RubricError, match="the file is empty"):
        save_rubric("", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_turn_is_tried_with_the_chosen_judge(stub):
    text = as_yaml(as_fields(rubric_text("harm")) | {"id": "mine", "requirement": "Speak softly."})
    found, _ = try_rubric(text, [Turn("user", "Hi"), Turn("assistant", "a bad one")], stub.url)
    assert (found["rubric"], found["score"], found["label"]) == ("mine", pytest.approx(0.1), "no")
    assert "Speak softly." in stub.prompts[0]
    found, said = try_rubric(text, [Turn("assistant", "x")], "nonsense")
    assert found is None
    assert "model 'nonsense' is not known" in said


@pytest.mark.slow
def test_the_trial_is_shown(page, stub):
    found = page("rubrics")
    found.text_area(key="try-assistant-my_helpfulness").set_value("a bad one")
    found.selectbox(key="try-judge").set_value(stub.url).run()
    press(found, "Judge this answer")
    assert "0.10 (no); the threshold is 0.5" in texts(found)


@pytest.mark.slow
def test_hostile_text_in_a_rubric_stays_text(page, data_folder):
    folder = data_folder / "convexplain" / "rubrics"
    folder.mkdir(parents=True)
    fields = as_fields(rubric_text("harm"))
    hostile = "<img src=x onerror=alert(1)> ![x](http://127.0.0.1/x.png)"
    fields |= {"id": "mine", "title": hostile, "requirement": hostile, "notes": [hostile]}
    (folder / "mine.yaml").write_text(yaml.safe_dump(fields))
    found = page("rubrics")
    found.selectbox(key="rubric").set_value(str(folder / "mine.yaml")).run()
    assert hostile in texts(found)
    assert not any("<img" in part.proto.body for part in found.get("html"))
    assert not any(hostile in part.value for part in (*found.markdown, *found.caption))
