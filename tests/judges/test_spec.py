"""A judge as one value, and its text form."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain.errors import UsageError
from convexplain.judges.spec import JudgeSpec

STRONG = JudgeSpec("openai:gpt-5", in_flight=2)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("embedded", JudgeSpec()),
        ("embedded?head=ours.json&head=more.json", JudgeSpec(heads=("ours.json", "more.json"))),
        ("gguf:a model.gguf?samples=5", JudgeSpec("gguf:a model.gguf", samples=5)),
        ("gguf:what?.gguf", JudgeSpec("gguf:what?.gguf")),
        ("openai:gpt-5?samples=3&reasoning=yes", JudgeSpec("openai:gpt-5", samples=3, reasoning=True)),
        ("openai:gpt-5?key=MY_KEY&reasons=all", JudgeSpec("openai:gpt-5", reasons="all", key="MY_KEY")),
        ("http://h:1/v1?model=a%2Fb", JudgeSpec("http://h:1/v1?model=a%2Fb")),
        (
            "http://h/v1?model=m&in_flight=4&timeout=2.5",
            JudgeSpec("http://h/v1?model=m", in_flight=4, timeout=2.5),
        ),
        (
            "embedded?calibrated=yes&escalate=openai%3Agpt-5%3Fin_flight%3D2&band=0.2",
            JudgeSpec(calibrated=True, escalate=STRONG, band=0.2),
        ),
    ],
)
def test_a_text_is_a_spec_and_a_spec_a_text(text, spec):
    assert JudgeSpec.parse(text) == spec
    assert spec.text == text


def test_what_a_user_writes_without_quoting_means_the_same():
    assert JudgeSpec.parse("embedded?escalate=http://h/v1").escalate == JudgeSpec("http://h/v1")


def test_an_option_without_a_value_says_nothing():
    assert JudgeSpec.parse("http://h/v1?model=m&in_flight=&timeout=") == JudgeSpec("http://h/v1?model=m")


def test_a_model_is_opened_by_its_name_and_its_own_options():
    spec = JudgeSpec.parse("http://h/v1?model=m&timeout=9&samples=3&escalate=embedded&calibrated=yes")
    assert spec.address == "http://h/v1?model=m&timeout=9"
    assert JudgeSpec.parse("local:x?head=a.json&reasons=yes").address == "local:x?head=a.json"


@pytest.mark.parametrize(
    ("earlier", "reasons"), [("embedded?reasons=yes", "all"), ("embedded?reasons=no", "none"), ("embedded", "flagged")]
)
def test_the_reasons_of_earlier_runs_are_read(earlier, reasons):
    spec = JudgeSpec.parse(earlier)
    assert spec.reasons == reasons
    assert spec.text == {"flagged": "embedded"}.get(reasons, f"embedded?reasons={reasons}")


@pytest.mark.parametrize(
    "text",
    [
        "http://ann:s3cret@h/v1?model=m",
        "HTTPS://ann:s3@cret@h/v1",
        "http://ann:@h/v1",
        "http://g/v1?escalate=http%3A%2F%2Fann%3As3cret%40h%2Fv1",
    ],
)
def test_a_password_is_refused_and_not_shown(text):
    with pytest.raises(
        UsageError, match=r"the model's URL for h holds a password.*CONVEXPLAIN_PASSWORD.*--key-stdin"
    ) as refused:
        JudgeSpec.parse(text)
    assert not any(secret in str(refused.value) for secret in ("ann", "s3", "cret"))


def test_a_user_is_taken_and_what_may_be_a_password_is_not_shown():
    spec = JudgeSpec.parse("http://ann@h/v1?model=m&escalate=http%3A%2F%2Fbob%40g%2Fv1")
    assert spec.escalate.address == "http://bob@g/v1"
    assert repr(spec) == f"JudgeSpec({spec.public!r})"
    assert JudgeSpec.parse(spec.text) == spec
    assert JudgeSpec.parse("http://h:80/v1?model=a@b:c").model == "http://h:80/v1?model=a@b:c"
    for broken in ("http://ann:s3cret@[h/v1", "http://ann:s3?cret@h/v1", "http://ann:s3/cret@h/v1"):
        assert "cret" not in JudgeSpec.parse(broken).public


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "model's name is empty"),
        ("embedded?samples=0", "samples=0 is not valid; it must be a whole number, at least 1"),
        ("embedded?samples=many", "samples='many' is not valid; it must be a whole number"),
        ("embedded?band=2", r"band=2.0 is not valid; it must be in \[0, 1\]"),
        ("embedded?band=wide", "band='wide' is not valid; it must be a number"),
        ("embedded?reasons=maybe", "reasons='maybe' is not valid; valid are: flagged, all, none"),
        ("http://h/v1?timeout=0", "timeout=0.0 is not valid; it must be above 0"),
        ("http://h/v1?in_flight=0", "in_flight=0 is not valid; it must be a whole number, at least 1"),
        ("embedded?escalate=embedded%3Fsamples%3D7", "only a model, its options and a stronger judge are possible"),
        ("embedded?escalate=embedded%3Fescalate%3Dembedded%253Fband%253D0.3", "only a model, its options and a str"),
        ("embedded?samples=3&samples=5", "samples is given twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        JudgeSpec.parse(text)


def test_a_judge_may_escalate_to_one_that_escalates():
    spec = JudgeSpec("embedded").changed({"escalate": ("small", "mixtral"), "band": 0.2})
    assert spec == JudgeSpec("embedded", escalate=JudgeSpec("small", escalate=JudgeSpec("mixtral")), band=0.2)
    assert spec.text == "embedded?escalate=small%3Fescalate%3Dmixtral&band=0.2"
    assert JudgeSpec.parse(spec.text) == spec
    assert [level.model for level in spec.chain] == ["embedded", "small", "mixtral"]
    assert JudgeSpec().changed({"escalate": "small?escalate=mixtral", "band": 0.2}) == spec
    assert JudgeSpec().changed({"escalate": ["small?escalate=mixtral", "openai:m"]}).chain[-1] == JudgeSpec("openai:m")
    assert JudgeSpec().changed({"escalate": []}) == JudgeSpec()
    assert spec.raw() == spec.model_alone() == JudgeSpec("embedded")


MODELS = st.sampled_from(["embedded", "openai:gpt-5", "gguf:/a b/c.gguf", "http://h:8/v1?model=a%2Fb", "http://h/v1"])
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
SINGLE = st.builds(
    JudgeSpec,
    MODELS,
    heads=st.lists(NAMES, max_size=2).map(tuple),
    in_flight=st.none() | st.integers(1, 99),
    timeout=st.none() | st.floats(0.001, 1e9),
    key=st.none() | st.from_regex(r"[A-Z][A-Z_]{0,9}", fullmatch=True),
    samples=st.none() | st.integers(1, 99),
    reasons=st.sampled_from(["flagged", "all", "none"]),
    calibrated=st.booleans(),
    reasoning=st.booleans(),
)


ALONE = SINGLE.map(JudgeSpec.model_alone)
CHAINED = st.builds(lambda first, second: replace(first, escalate=second), ALONE, ALONE)


@given(SINGLE, st.none() | ALONE | CHAINED, st.floats(0, 1))
def test_any_spec_comes_back_from_its_text(single, second, band):
    fields = {name: getattr(single, name) for name in ("model", "heads", "in_flight", "timeout", "key", "samples")}
    judging = {name: getattr(single, name) for name in ("reasons", "calibrated", "reasoning")}
    spec = JudgeSpec(**fields, **judging, escalate=second, band=band)
    assert JudgeSpec.parse(spec.text) == spec
    assert JudgeSpec.parse(spec.public) == spec


def test_a_band_beside_a_judge_needs_a_second_judge():
    with pytest.raises(UsageError, match=r"band=0.2 \(--escalate-band\) means nothing without a second judge"):
        JudgeSpec("embedded").changed({"band": 0.2})
    assert JudgeSpec("embedded").changed({"band": 0.2, "escalate": "openai:gpt-5"}).band == 0.2
    assert JudgeSpec("embedded", escalate=STRONG).changed({"band": 0.2}).band == 0.2
