"""The parts and judges of this machine, in a terminal."""

from rich.console import Console

from convexplain.workspace import Installation

from .progress import plain

_TITLES = {"judge": "Judges", "extra": "Extras", "store": "Store and files"}


def show_installation(console: Console, installation: Installation) -> None:
    """Print what can be used, and for the others what is missing."""
    console.print(f"convexplain {installation.version}, Python {installation.python}")
    for area, title in _TITLES.items():
        console.print(f"\n{title}")
        for check in installation.checks:
            if check.area == area:
                mark = "ok     " if check.ready else "missing"
                console.print(plain(f"  {mark}  {check.name}: {check.remark}"), soft_wrap=True)
    console.print(plain(f"\n{installation.default_judge}"), soft_wrap=True)
    if not installation.can_judge:
        console.print("No judge can be used: pip install 'convexplain[local]' brings the embedded one.", markup=False)
