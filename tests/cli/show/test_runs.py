"""What commands show while they work."""

import io

from rich.console import Console

from convexplain.cli.show import progress as shows
from convexplain.cli.show.progress import ConsoleProgress


def test_where_there_is_no_terminal_a_line_comes_every_ten_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(shows.time, "monotonic", lambda: now[0])
    shown = io.StringIO()
    progress = ConsoleProgress(Console(file=shown))
    progress.begin("turns", 8)
    for now[0] in (4.0, 11.0, 18.0, 24.0):
        progress.advance()
    progress.end()
    assert shown.getvalue().splitlines() == [
        "2/8 turns, about 33 s left",  # 11 s for two, so 33 for six
        "4/8 turns, about 24 s left",
    ]
