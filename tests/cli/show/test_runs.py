"""What commands show while they work."""

import io

from rich.console import Console

from convexplain.cli.show import bars
from convexplain.cli.show.runs import CountProgress


def test_where_there_is_no_terminal_a_line_comes_every_ten_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    shown = io.StringIO()
    with CountProgress(Console(file=shown), "turns", 8) as progress:
        for now[0] in (4.0, 11.0, 18.0, 24.0):
            progress.advance()
    assert shown.getvalue().splitlines() == [
        "2/8 turns, about 33 s left",  # 11 s for two, so 33 for six
        "4/8 turns, about 24 s left",
    ]
