"""No log makes reading fail in another way than it says; `benchmarks/fuzz_readers.py` tries for longer."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.connectors.logs import fuzzing

EXAMPLES = [*fuzzing.TEXTS, *fuzzing.containers()]


# Numbered, for archives hold the time at which they were made, and each of pytest's processes makes them anew.
@pytest.mark.parametrize("data", [pytest.param(data, id=str(number)) for number, data in enumerate(EXAMPLES)])
def test_the_examples_can_be_read(tmp_path, data):
    for name in ("a.txt", "a.json"):
        fuzzing.check(tmp_path, data, name, {})


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(fuzzing.LOGS, fuzzing.NAMES, fuzzing.OPTIONS)
def test_any_log_is_read_or_refused(tmp_path_factory, data, name, options):
    fuzzing.check(tmp_path_factory.getbasetemp(), data, name, options)
