"""Run the notebooks of the examples and keep what they print.

python examples/run_notebooks.py [NAME...]
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_output

FOLDER = Path(__file__).parent / "notebooks"


def run(name: str) -> nbformat.NotebookNode:
    """Return a notebook after running it; only what its cells print is kept.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raises an error.
    """
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": str(FOLDER)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _printed(cell.outputs)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def _printed(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return what a cell printed as one output, without blank lines; progress bars and warnings are left out."""
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    lines = [line for line in text.splitlines() if line.strip()]
    return [new_output("stream", name="stdout", text="\n".join(lines) + "\n")] if lines else []


if __name__ == "__main__":
    for notebook_name in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.ipynb")):
        nbformat.write(run(notebook_name), FOLDER / f"{notebook_name}.ipynb")
        print(notebook_name)
