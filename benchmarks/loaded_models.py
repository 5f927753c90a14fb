"""What it saves that a local model stays loaded between calls of `judge()`.

    OMP_NUM_THREADS=1 python benchmarks/loaded_models.py
    OMP_NUM_THREADS=1 python benchmarks/loaded_models.py --judge small -n 20 --anew 5

Each call judges one turn of its own. `stays loaded` is what the calls do; for `loaded anew` the model is released after
each call, which every call did before models stayed loaded. On a busy machine the CPU time is the one to compare; it is
that of this process, without llama.cpp's.
"""

import argparse
import time

from convexplain import Workspace
from convexplain.workspace import MEMORY


def seconds_per_call(workspace: Workspace, judge: str, rubric: str, calls: int, release: bool) -> tuple[float, float]:
    """Return the mean wall time and the mean CPU time of a call, in seconds."""
    began, computing = time.perf_counter(), time.process_time()
    for number in range(calls):
        turns = [
            {"role": "user", "content": f"Where is my parcel {number}?"},
            {"role": "assistant", "content": f"Parcel {number} left our depot on Monday and arrives tomorrow."},
        ]
        (judgement,) = workspace.judge(turns, rubric, judge)
        if judgement.score is None:
            raise SystemExit(f"call {number}: unscored: {judgement.reason}")
        if release:
            workspace.release_models()
    return (time.perf_counter() - began) / calls, (time.process_time() - computing) / calls


def main() -> None:
    """Measure both, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", default="embedded")
    parser.add_argument("--rubric", default="helpfulness")
    parser.add_argument("-n", type=int, default=150, help="calls with a model that stays loaded")
    parser.add_argument("--anew", type=int, default=20, help="calls that load the model anew")
    options = parser.parse_args()
    workspace = Workspace(MEMORY)
    seconds_per_call(workspace, options.judge, options.rubric, 1, release=True)  # imports, files in the system's cache
    for name, calls, release in (("loaded anew", options.anew, True), ("stays loaded", options.n, False)):
        wall, computing = seconds_per_call(workspace, options.judge, options.rubric, calls, release)
        print(
            f"{name:13} {wall:6.2f} s a call, {computing:.2f} s of CPU time, over {calls} calls; "
            f"{options.n} calls: {wall * options.n:.0f} s, {computing * options.n:.0f} s of CPU time"
        )
    workspace.release_models()


if __name__ == "__main__":
    main()
