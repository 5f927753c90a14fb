"""Registries: records from a folder's modules and from other packages, in order, by name; broken ones are left out."""

import logging
import sys

import pytest

from convexplain.errors import UsageError
from convexplain.plugins import Registry

RECORD = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Fruit:
    name: str
"""
FILES = {
    "fruits/__init__.py": "",
    "fruits/_record.py": RECORD,
    "fruits/berries.py": "from ._record import Fruit\n\nSTRAW = Fruit('straw')\nBLUE = Fruit('blue')\n",
    "fruits/apples.py": "from ._record import Fruit\nfrom .berries import STRAW\n\nGALA = Fruit('gala')\n",
    "fruits/_hidden.py": "from ._record import Fruit\n\nFIG = Fruit('fig')\n",
    "more_fruit.py": "from fruits._record import Fruit\n\nKIWI = Fruit('kiwi')\nTAKEN = Fruit('gala')\nNUMBER = 3\n",
    "broken_fruit.py": "raise SystemError('broken on purpose')\n",
    "more-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: more\nVersion: 1\n",
    "more-1.dist-info/entry_points.txt": """
[convexplain.fruits]
broken = broken_fruit:X
kiwi = more_fruit:KIWI
number = more_fruit:NUMBER
taken = more_fruit:TAKEN
""",
}


@pytest.fixture
def fruits(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    from fruits._record import Fruit

    yield Registry("fruit", "fruits", Fruit, "fruits")
    for name in [name for name in sys.modules if name.partition(".")[0] in ("fruits", "more_fruit")]:
        del sys.modules[name]


def test_the_files_of_a_folder_come_first_then_other_packages(fruits):
    # `apples` imports STRAW, so that name is met there first; it is one record all the same.
    assert fruits.names == ("straw", "gala", "blue", "kiwi")
    assert [record.name for record in fruits.records] == list(fruits.names)
    assert fruits.get("kiwi").name == "kiwi"
    assert fruits.find("fig") is None


def test_an_unknown_name_is_refused_with_those_that_are_valid(fruits):
    with pytest.raises(UsageError, match="fruit 'fig' is not known; valid are: straw, gala, blue, kiwi"):
        fruits.get("fig")


def test_broken_plugins_are_warned_of_once(fruits, caplog):
    with caplog.at_level(logging.WARNING):
        fruits.forget()
        assert fruits.names == fruits.names
    assert [record.getMessage() for record in caplog.records] == [
        "the plugin 'broken' of convexplain.fruits is left out: it cannot be loaded (SystemError: broken on purpose)",
        "the plugin 'number' of convexplain.fruits is left out: is no Fruit but int",
        "the plugin 'taken' of convexplain.fruits is left out: its name 'gala' is empty or there already",
    ]


def test_two_built_in_records_of_one_name_are_a_mistake_of_ours(fruits, tmp_path):
    (tmp_path / "fruits" / "pears.py").write_text("from ._record import Fruit\n\nAGAIN = Fruit('blue')\n")
    with pytest.raises(ValueError, match="two records of fruits have the name 'blue'"):
        _ = fruits.names


def test_the_guard_wraps_only_records_of_other_packages(fruits):
    guarded = Registry("fruit", "fruits", fruits.record, "fruits", guard=lambda record: type(record)(record.name))
    from more_fruit import KIWI

    assert guarded.get("kiwi") is not KIWI
    assert guarded.get("kiwi") == KIWI
