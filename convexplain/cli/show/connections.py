"""Connections on a console."""

from collections.abc import Sequence

from rich.console import Console

from convexplain.text.visible import one_line
from convexplain.workspace import ConnectionEntry

from .progress import plain


def show_connections(console: Console, connections: Sequence[ConnectionEntry]) -> None:
    """Print connections, each with what was learnt of its endpoint."""
    if not connections:
        console.print(
            "No connection is registered. `convexplain connections add NAME URL` registers one.", soft_wrap=True
        )
    for entry in connections:
        default = " (default)" if entry.default else ""
        lines = [
            f"{entry.judge}{default}",
            f"  address      {one_line(entry.url)}",
            f"  key          {one_line(entry.key)}",
        ]
        if entry.public_only:
            lines.append("  added in     the dashboard: it reaches public addresses only")
        for model, rows in entry.endpoint.items():
            lines.append(f"  what {one_line(model)} takes:")
            lines += [f"    {title:12} {one_line(text)}" for title, text in rows]
        if not entry.endpoint:
            lines.append("  not asked yet: what it takes is learnt at its first use")
        console.print(plain("\n".join(lines)), soft_wrap=True)
