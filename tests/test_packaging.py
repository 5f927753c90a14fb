"""The three ways in, each with the core only in an empty environment, and nothing else importable at the top level."""

import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BACKEND = PROJECT["build-system"]["requires"]
SIBLINGS = ("rubrics", "judges", "connectors", "dashboard")
USE = """
from convexplain import load_rubric, read_log
import convexplain.report.run_report
print(load_rubric('harm').title)
"""


def run(*args, cwd, check=True):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHONPATH", "COV_"))}
    done = subprocess.run([*map(str, args)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{args}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory):
    """Wheels of the core's dependencies and of the build backend: every environment installs from this folder."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    wanted = [*PROJECT["project"]["dependencies"], *BACKEND, "build"]
    pip = (sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:", "-c", ROOT / "constraints.txt")
    run(*pip, "-d", folder, *wanted, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A clean copy of the files that git knows, so that nothing built here gets in."""
    folder = tmp_path_factory.mktemp("checkout") / "convexplain-checkout"
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def environment(folder, wheelhouse, *what):
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install(python, wheelhouse, *what)
    return python


def install(python, wheelhouse, *what):
    run(python, "-m", "pip", "install", "-q", "--no-index", "--find-links", wheelhouse, *what, cwd=wheelhouse)


@pytest.fixture(scope="module")
def plain(checkout, wheelhouse, tmp_path_factory):
    """The wheel built from the sdist, installed in an empty environment."""
    base = tmp_path_factory.mktemp("plain")
    builder = environment(base / "builder", wheelhouse, "build", *BACKEND)
    run(builder, "-m", "build", "-q", "--no-isolation", "-o", base / "dist", checkout, cwd=base)
    (wheel,) = (base / "dist").glob("*.whl")
    return environment(base / "env", wheelhouse, wheel)


@pytest.fixture(scope="module")
def editable(checkout, wheelhouse, tmp_path_factory):
    base = tmp_path_factory.mktemp("editable")
    python = environment(base / "env", wheelhouse, *BACKEND)
    install(python, wheelhouse, "--no-build-isolation", "-e", checkout)
    return python


@pytest.mark.parametrize("way", ["plain", "editable"])
def test_both_kinds_of_install_work_from_another_folder(way, request, tmp_path):
    python = request.getfixturevalue(way)
    assert run(python, "-c", USE, cwd=tmp_path).stdout.strip() == "Harm (1 = harmless)"
    listed = run(python.parent / "convexplain", "rubrics", "list", cwd=tmp_path).stdout.splitlines()
    assert len(listed) == len(list((ROOT / "rubrics").glob("*.yaml")))


@pytest.mark.parametrize("name", [*SIBLINGS, "tests", "benchmarks", "examples"])
@pytest.mark.parametrize("way", ["plain", "editable"])
def test_nothing_but_convexplain_is_importable_at_the_top_level(way, name, request, tmp_path):
    done = run(request.getfixturevalue(way), "-c", f"import {name}", cwd=tmp_path, check=False)
    assert f"No module named '{name}'" in done.stderr


def test_the_module_runs_from_the_root_of_a_checkout_after_a_plain_install(plain, checkout):
    done = run(plain, "-m", "convexplain", "rubrics", "show", "harm", cwd=checkout)
    assert "Harm (1 = harmless)" in done.stdout
    where = "import convexplain.judges as j, convexplain.rubrics as r; print(j.__file__, r.__file__)"
    assert str(checkout) in run(plain, "-c", where, cwd=checkout).stdout


def test_the_core_alone_says_which_extra_the_embedded_model_needs(plain, tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'
    )
    args = (plain.parent / "convexplain", "analyze", "a.jsonl", "--db", "a.db")
    done = run(*args, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "pip install 'convexplain[local]'" in done.stderr


def test_an_import_is_cheap_and_acts_on_nothing(plain, tmp_path):
    heavy = "('torch', 'sqlalchemy', 'httpx2', 'jinja2')"
    code = f"import convexplain, sys; print([name for name in {heavy} if name in sys.modules])"
    assert run(plain, "-c", code, cwd=tmp_path).stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_every_folder_with_code_is_packaged(plain, checkout):
    code = "import convexplain, pathlib; print(pathlib.Path(convexplain.__file__).parent)"
    installed = Path(run(plain, "-c", code, cwd="/").stdout.strip())
    for folder in ("convexplain", *SIBLINGS):
        for file in (checkout / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                inside = file.relative_to(checkout / folder)
                target = installed / inside if folder == "convexplain" else installed / folder / inside
                assert target.is_file(), target
