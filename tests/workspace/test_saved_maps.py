"""Maps that are saved under a name."""

import pytest

from convexplain.connectors.logs import FieldMap
from convexplain.errors import StoreError, UsageError
from convexplain.workspace import LogSettings
from convexplain.workspace.saved_maps import maps_file, resolved_map, save_map, saved_maps

CALLS = "turns=log, role=who, content=said"


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "kept" / "s.db"))


def test_a_map_is_saved_and_used_by_its_name(tmp_path):
    assert maps_file() == tmp_path / "kept" / "maps.json"
    save_map("calls", CALLS)
    save_map("faq", FieldMap(user=("q",), assistant=("a",)))
    save_map("faq", "question=q, answer=a2")
    assert saved_maps() == {"calls": CALLS, "faq": "user=q, assistant=a2"}
    assert resolved_map("calls") == FieldMap.parse(CALLS) == resolved_map(CALLS)
    assert resolved_map(None) is None
    assert LogSettings(map="calls").signature == LogSettings(map=CALLS).signature


def test_what_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"'calls' is neither a map .* nor a saved one; none is saved"):
        resolved_map("calls")
    save_map("faq", CALLS)
    with pytest.raises(UsageError, match="saved are: faq"):
        LogSettings(map="calls").reader()
    with pytest.raises(UsageError, match="save-map 'a/b' is not valid"):
        save_map("a/b", CALLS)
    with pytest.raises(UsageError, match="needs content"):
        save_map("calls", "role=a")
    maps_file().write_text("{broken")
    with pytest.raises(StoreError, match=r"the saved maps in .* cannot be read"):
        saved_maps()


def test_a_store_on_a_server_has_its_maps_in_the_data_folder(monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DB", "postgresql://host/db")
    assert maps_file().name == "maps.json"
    assert maps_file().parent.name == "convexplain"
