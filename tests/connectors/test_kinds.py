"""Kinds of models, infillers, editors, scalarizers and scores conform, and other packages add theirs."""

import logging
import subprocess
import sys

import pytest

from convexplain.connectors.editors import EDITORS, EditorResources, open_editor
from convexplain.connectors.infillers import INFILLERS, open_infiller
from convexplain.connectors.kinds import Kind
from convexplain.connectors.models import MODELS, ScriptedModel, open_model
from convexplain.connectors.models.connections import add_connection
from convexplain.connectors.models.providers import PROVIDERS
from convexplain.connectors.scorers import SCALARIZERS, SCORES, find_scalarizer, open_score
from convexplain.connectors.training import EXPORTERS
from convexplain.errors import UsageError
from convexplain.models.calls import Calls

REGISTRIES = (MODELS, INFILLERS, EDITORS, SCALARIZERS, SCORES)


@pytest.mark.parametrize(
    ("registry", "kind"),
    [(registry, kind) for registry in REGISTRIES for kind in registry.built_in.values()],
    ids=lambda part: getattr(part, "name", getattr(part, "group", "")),
)
def test_every_kind_is_complete(registry, kind):
    assert isinstance(kind, Kind)
    assert registry.get(kind.name) is kind
    assert kind.name == kind.name.strip().lower()
    assert kind.description.endswith(".")
    assert kind.usage.startswith(kind.name)
    assert kind.accepts("x") is bool(kind.target)
    assert kind.accepts("") is (kind.optional or not kind.target)


TARGETS = {"http": "//h.example/v1?model=m", "https": "//h.example/v1?model=m", "hub": "owner/name"}


@pytest.mark.parametrize("kind", MODELS.built_in.values(), ids=MODELS.built_in)
def test_every_model_is_opened_by_its_name_and_nothing_is_loaded(kind, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", "http://h.example/v1?model=mixtral")  # what `mixtral` is then
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.example")
    add_connection("m", "http://h.example/v1?model=m")
    target = TARGETS.get(kind.name, "provider:m" if kind.name == "langchain" else "m" if kind.target else "")
    name = f"{kind.name}:{target}" if target else kind.name
    model = open_model(name)
    assert model.name == ("http://h.example/v1?model=mixtral" if kind.name == "mixtral" else name)
    assert model.batch >= 1
    assert model.in_flight >= 1
    assert open_model(model.name).name == model.name
    if kind.options is not None and not any(option.startswith("timeout=") for option in kind.options):
        with pytest.raises(UsageError, match="takes no option timeout"):
            open_model(f"{name}?timeout=3")


def test_every_provider_is_a_kind_of_model():
    assert PROVIDERS.keys() <= MODELS.built_in.keys()


@pytest.mark.parametrize("kind", INFILLERS.built_in.values(), ids=INFILLERS.built_in)
def test_every_infiller_is_opened_by_its_name_and_nothing_is_loaded(kind):
    name = {"chat": "chat:embedded"}.get(kind.name, f"{kind.name}:m" if kind.target else kind.name)
    infiller = open_infiller(name)
    assert infiller.name == name
    assert infiller.fingerprint


@pytest.mark.parametrize("kind", EDITORS.built_in.values(), ids=EDITORS.built_in)
def test_every_editor_is_opened_by_its_name_and_nothing_is_loaded(kind):
    resources = EditorResources()
    name = {"rewrite": "rewrite:embedded", "infill": "infill:embedded"}.get(kind.name, kind.name)
    editor = open_editor(name, resources)
    assert editor.name == name
    assert editor.fingerprint


@pytest.mark.parametrize("kind", SCALARIZERS.built_in.values(), ids=SCALARIZERS.built_in)
def test_every_scalarizer_is_made_by_its_name_one_for_each_turn(kind):
    for name in {kind.name, f"{kind.name}:m" if kind.target else kind.name}:
        found, target = find_scalarizer(name)
        assert found is kind
        if kind.make is None:
            assert kind.name == "judge"
            continue
        make = kind.make(target, Calls(ScriptedModel(0.0)))
        assert make() is not make()
        assert make().name.startswith(kind.name)
        assert make().question == ("regenerate" if kind.needs_responder else "rescore")


@pytest.mark.parametrize("kind", SCORES.built_in.values(), ids=SCORES.built_in)
def test_every_score_is_a_function_by_its_name(kind):
    assert callable(open_score(kind.name))
    assert callable(open_score(f"{kind.name}:m")) if kind.target else True


# ---- other packages

CODE = """
from convexplain.connectors.editors import EditorKind
from convexplain.connectors.infillers import InfillerKind
from convexplain.connectors.models import ModelKind, ScriptedModel
from convexplain.connectors.scorers import ScalarizerKind, ScoreKind
from convexplain.connectors.training import PairExporter
from convexplain.judges.response_logprob import ResponseLogprob


def make(target, *more):
    if target == "fail":
        raise ValueError("no such thing")
    return None if target == "none" else ScriptedModel([target])


MODEL = ModelKind("fake", "A fake.", "ANYTHING", make=make)
EDITOR = EditorKind("fake", "A fake.", "ANYTHING", make=make)
INFILLER = InfillerKind("fake", "A fake.", "ANYTHING", make=make)
SCALARIZER = ScalarizerKind("fake", "A fake.", make=lambda target, calls: lambda: ResponseLogprob(calls))
SCORE = ScoreKind("fake", "A fake.", make=lambda target: lambda prompt, response, others: [])
EXPORTER = PairExporter("fake", "A fake.", lambda pair: [{"good": pair.chosen.content}])
"""

POINTS = """
[convexplain.models]
fake = fake_kinds:MODEL
function = fake_kinds:make
gone = fake_broken:model
taken = fake_kinds:TAKEN

[convexplain.editors]
fake = fake_kinds:EDITOR

[convexplain.infillers]
fake = fake_kinds:INFILLER

[convexplain.scalarizers]
fake = fake_kinds:SCALARIZER

[convexplain.scores]
fake = fake_kinds:SCORE

[convexplain.exporters]
fake = fake_kinds:EXPORTER
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution that registers all of these."""
    place = tmp_path / "site"
    info = place / "fake_kinds-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-kinds\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINTS)
    (place / "fake_kinds.py").write_text(CODE)
    (place / "fake_broken.py").write_text("raise SystemError('broken on purpose')\n")
    monkeypatch.syspath_prepend(str(place))
    for registry in (*REGISTRIES, EXPORTERS):
        registry.forget()
    yield place
    monkeypatch.undo()
    for registry in (*REGISTRIES, EXPORTERS):
        registry.forget()


@pytest.mark.parametrize("opener", [open_model, open_infiller, open_editor])
def test_models_infillers_and_editors_of_other_packages(installed, opener):
    assert isinstance(opener("fake:yes"), ScriptedModel)
    with pytest.raises(UsageError, match="failed: ValueError: no such thing"):
        opener("fake:fail")
    with pytest.raises(UsageError, match="made nothing of 'none'"):
        opener("fake:none")
    for name in ("fake:yes?timeout=3", "fake:yes?key=A"):  # what follows is the package's own affair
        assert isinstance(opener(name), ScriptedModel)
    for name in ("gone:x", "other:x", "fake:"):
        with pytest.raises(UsageError, match=r"is not known; (valid are: .*fake:ANYTHING|`convexplain judges list`)"):
            opener(name)


def test_scalarizers_scores_and_exporters_of_other_packages(installed):
    kind, target = find_scalarizer("fake")
    assert (kind.name, target) == ("fake", "")
    assert open_score("fake")("", "", []) == []
    assert EXPORTERS.names[-1] == "fake"


def test_what_is_no_record_is_left_out_and_said(installed, caplog):
    with caplog.at_level(logging.WARNING):
        assert MODELS.names[-1] == "fake"
    reasons = sorted(record.getMessage().partition(" is left out: ")[2] for record in caplog.records)
    assert reasons == [
        "is no ModelKind but function",
        "it cannot be loaded (AttributeError: module 'fake_kinds' has no attribute 'TAKEN')",
        "it cannot be loaded (SystemError: broken on purpose)",
    ]


@pytest.mark.slow
def test_listing_names_imports_no_heavy_package():
    code = (
        "import sys\n"
        "from convexplain import workspace\n"
        "from convexplain.connectors.training import EXPORTERS\n"
        "from convexplain.connectors.models import MODELS\n"
        "assert EXPORTERS.names and MODELS.names and workspace.SCALARIZER_NAMES\n"
        "heavy = ('torch', 'transformers', 'langchain', 'langchain_core', 'sklearn', 'datasets', 'pytest', 'pyarrow',\n"
        "    'xllamacpp')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
