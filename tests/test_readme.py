import os
import re
import subprocess
import sys

import pytest

from .conftest import ROOT

README = (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_the_python_example_runs_as_it_stands(embedded_model, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "CONVEXPLAIN_DB": str(tmp_path / "s.db")},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    heading = r"^  \S+, turn \d+: helpfulness 0\.\d\d, below the threshold of 0\.5 \(benchmarked\)$"
    heads = re.findall(heading, done.stdout, re.MULTILINE)
    assert len(heads) == 3
    assert len(re.findall(r'^  Reply: "', done.stdout, re.MULTILINE)) == 3


@pytest.mark.parametrize("page", ["docs/attribution.md", "docs/contrasts.md"])
def test_examples_with_functions_of_ones_own_run_as_they_stand(page, capsys):
    examples = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    (code,) = [example for example in examples if "convexplain.search" in example]
    exec(code, {})
    assert capsys.readouterr().out
