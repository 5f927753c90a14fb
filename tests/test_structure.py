"""The house as it is meant to be: one builder of judges, thin users of the workspace, no old path left."""

import ast
import functools

import pytest

from .conftest import ROOT

FOLDERS = ("convexplain", "rubrics", "judges", "connectors", "dashboard")
FILES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
USERS = [
    path
    for path in FILES
    if path.is_relative_to(ROOT / "convexplain" / "cli")
    or path.is_relative_to(ROOT / "dashboard")
    or path.is_relative_to(ROOT / "connectors" / "langchain")
    or path in (ROOT / "convexplain" / "testing.py", ROOT / "connectors" / "pytest_plugin.py")
]


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


def name_of(path):
    return str(path.relative_to(ROOT))


def imports(path):
    """The modules that a file imports, in full."""
    parts = [*path.relative_to(ROOT).with_suffix("").parts]
    package = (parts if parts[0] == "convexplain" else ["convexplain", *parts])[:-1]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_a_judge_is_made_in_one_module():
    makers = {
        name_of(path)
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Judge"
    }
    assert makers == {"convexplain/workspace/build.py"}


@pytest.mark.parametrize("path", USERS, ids=name_of)
def test_users_of_the_workspace_know_neither_judges_nor_models(path):
    inner = ("convexplain.judges", "convexplain.connectors.models")
    assert [module for module in imports(path) if module.startswith(inner)] == []


def test_few_modules_lie_directly_in_the_package():
    names = {path.stem for path in (ROOT / "convexplain").glob("*.py") if not path.name.startswith("__")}
    assert names == {"errors", "parts", "plugins", "testing"}


@pytest.mark.parametrize(
    "gone",
    [
        "convexplain/api.py",
        "convexplain/opening.py",
        "convexplain/asks.py",
        "convexplain/valuing.py",
        "dashboard/services/commands.py",
    ],
)
def test_what_the_workspace_replaced_is_gone(gone):
    assert not (ROOT / gone).exists()
    assert not list((ROOT / "convexplain").glob("cli_*.py"))


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "convexplain" else ("convexplain", *parts))


def test_no_module_hands_on_a_name_of_another():
    """Only a package's `__init__` and an `__all__` may: elsewhere that would be a second path to the same thing."""
    defined = {module_of(path): _defined(path) for path in FILES if path.name != "__init__.py"}
    handed_on = [
        f"{name_of(path)}: {module}.{name}"
        for path in FILES
        for module, name in _names_imported(path)
        if module in defined and name not in defined[module]
    ]
    assert handed_on == []


def _defined(path):
    """The names that a module defines itself, or lists in its `__all__`."""
    tree = parsed(path)
    listed = {
        name
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets)
        for name in ast.literal_eval(node.value)
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return listed | names | {node.name for node in tree.body if isinstance(node, kinds)}


def _names_imported(path):
    package = module_of(path).split(".")[:-1]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)
