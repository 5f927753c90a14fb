"""Maps of logs' fields that are saved under a name, in the folder of the default store."""

import json
import os
import re
import tempfile
from pathlib import Path

import platformdirs

from convexplain.connectors.logs import FieldMap
from convexplain.errors import StoreError, UsageError
from convexplain.system.files import make_folder

_NAME = re.compile(r"[\w.-]{1,60}")


def maps_file() -> Path:
    """Return the file of saved maps: beside the file that `CONVEXPLAIN_DB` names, else in the user's data folder."""
    database = os.environ.get("CONVEXPLAIN_DB", "")
    is_file = bool(database) and "://" not in database
    return (Path(database).parent if is_file else Path(platformdirs.user_data_dir("convexplain"))) / "maps.json"


def saved_maps(file: Path | None = None) -> dict[str, str]:
    """Return the saved maps as texts, by name.

    Raises:
        StoreError: the file of maps cannot be read.
    """
    file = file or maps_file()
    try:
        maps = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise StoreError(f"the saved maps in {file} cannot be read: {error}") from error
    return {str(name): str(text) for name, text in maps.items()} if isinstance(maps, dict) else {}


def save_map(name: str, field_map: FieldMap | str, file: Path | None = None) -> None:
    """Save a map under a name; an earlier one of this name is replaced.

    Raises:
        UsageError: the name or the map is not valid.
        StoreError: the file of maps cannot be read or written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"save-map {name!r} is not valid: a name has up to 60 letters, digits, '.', '-' or '_'")
    field_map = FieldMap.parse(field_map) if isinstance(field_map, str) else field_map
    file = file or maps_file()
    maps = {**saved_maps(file), name: str(field_map)}
    try:
        make_folder(file.parent)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, encoding="utf-8", delete=False) as copy:
            json.dump(maps, copy, ensure_ascii=False, indent=1, sort_keys=True)
        os.replace(copy.name, file)
    except OSError as error:
        raise StoreError(f"the map cannot be saved in {file}: {error}") from error


def resolved_map(text: str | None) -> FieldMap | None:
    """Return the map that a text writes out, or that is saved under this name.

    Raises:
        UsageError: it is not valid, or no map has this name.
    """
    if text is None:
        return None
    if "=" in text or not _NAME.fullmatch(text):
        return FieldMap.parse(text)
    maps = saved_maps()
    if text not in maps:
        names = f"saved are: {', '.join(sorted(maps))}" if maps else "none is saved"
        raise UsageError(f"map {text!r} is neither a map (part=place, …) nor a saved one; {names} (--save-map NAME)")
    return FieldMap.parse(maps[text])
