"""The fast tests, `pytest -m "not slow"`, reach every package."""

import ast

import pytest

from .conftest import ROOT, SLOW_FIXTURES

PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT).parts)
    for pattern in ("convexplain/*", "judges", "rubrics", "connectors/*", "dashboard/*")
    for path in ROOT.glob(f"{pattern}/__init__.py")
)


def is_slow(node):
    """Whether a marker of the node says `slow`, or an argument is a fixture that makes it so."""
    marks = getattr(node, "decorator_list", [])
    arguments = {argument.arg for argument in node.args.args} if isinstance(node, ast.FunctionDef) else set()
    return any("mark.slow" in ast.unparse(mark) for mark in marks) or not SLOW_FIXTURES.isdisjoint(arguments)


def fast_tests(path):
    """The names of a file's tests without the marker."""
    module = ast.parse(path.read_text())
    file_marks = (
        ast.unparse(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    )
    if any("mark.slow" in mark for mark in file_marks):
        return []
    classes = [node for node in module.body if isinstance(node, ast.ClassDef) and not is_slow(node)]
    functions = [*module.body, *(test for node in classes for test in node.body)]
    return [
        node.name
        for node in functions
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not is_slow(node)
    ]


FAST_FILES = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if len(fast_tests(path)) >= 3}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_fast_tests(package):
    name = package if package.startswith("convexplain.") else f"convexplain.{package}"
    folder = " / ".join(f'"{part}"' for part in package.split("."))  # Streamlit's pages are opened by their paths
    assert any(name in text or folder in text for path, text in FAST_FILES.items()), f"no fast test uses {name}"


def test_slow_packages_would_be_seen():
    assert {"convexplain.cli", "judges", "rubrics", "connectors.logs", "dashboard.pages"} <= set(PACKAGES)
    assert ROOT / "tests" / "dashboard" / "test_browser.py" not in FAST_FILES
