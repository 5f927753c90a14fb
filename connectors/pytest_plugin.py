"""A plugin for pytest: the fixture `convexplain_judge`, for tests of a bot's conversations.

It is loaded with every pytest run of its environment, so it imports nothing heavy before a test uses the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from convexplain.workspace import BackgroundJudge


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the judge to the command line and the configuration."""
    parser.getgroup("convexplain").addoption(
        "--convexplain-judge",
        metavar="MODEL",
        help="The judge of the fixture convexplain_judge, as `convexplain analyze --judge` takes it, for instance "
        "'openai:gpt-5?calibrated=yes' (default: the setting convexplain_judge, or else the judge that analyze takes).",
    )
    parser.addini("convexplain_judge", "The judge of the fixture convexplain_judge.", default="")


@pytest.fixture(scope="session")
def convexplain_judge(request: pytest.FixtureRequest) -> "Iterator[BackgroundJudge]":
    """Provide the judge, which is loaded at its first judgement and shared by all tests.

    def test_it_helps(convexplain_judge):
        assert_turns(my_bot("Where is my parcel?"), helpfulness=">=0.6", judge=convexplain_judge)
    """
    from convexplain.workspace import BackgroundJudge

    spec = request.config.getoption("--convexplain-judge") or request.config.getini("convexplain_judge")
    with BackgroundJudge(spec or None) as judge:
        yield judge
