"""The notebooks of the examples: each runs to its end, and what is kept of its output is what it prints."""

import importlib.util
import re

import pytest

from .conftest import ROOT

FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
DIGITS = re.compile(r"\d+(\.\d+)?")


def runner():
    spec = importlib.util.spec_from_file_location("run_notebooks", ROOT / "examples" / "run_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def printed(notebook):
    return [output["text"] for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_with_what_it_printed(name):
    notebook = runner().nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    texts = printed(notebook)
    assert texts
    assert not re.search(r"/home|/root|/tmp", "".join(texts))


@pytest.mark.slow
@pytest.mark.enable_socket  # the kernel listens on this machine
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_prints_the_same(name):
    module = runner()
    before = printed(module.nbformat.read(FOLDER / f"{name}.ipynb", as_version=4))
    after = printed(module.run(name))
    # the last digits of scores may differ by machine
    assert [DIGITS.sub("0", text) for text in after] == [DIGITS.sub("0", text) for text in before]
