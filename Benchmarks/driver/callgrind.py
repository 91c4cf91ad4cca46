"""Instructions and allocations per operation, counted by callgrind: the same on any machine, whatever else it does.

Only what happens inside of `stopwatch` counts, and of that only the difference between a run with so many operations
and one with twice as many: what is done once, to start a run or to grow an array, is in both and falls out.
An allocation is a call of one of the C library's functions below, by whomever; callgrind, other than memcheck, leaves
those functions as they are and writes down who called whom how often. The two agree (README.md).
"""

import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ALLOCATORS = {"malloc", "calloc", "realloc", "reallocarray", "posix_memalign", "aligned_alloc", "memalign"}


class CountError(Exception):
    """Callgrind did not do what it was asked for."""


@dataclass(frozen=True)
class Totals:
    instructions: int
    allocations: int


def is_available():
    return shutil.which("valgrind") is not None


def count_all(peers, counts, say):
    """The counts by name, for each case and peer: {(case, peer name): {metric: number}}."""
    jobs = [(count, peer) for count in counts for peer in peers]
    say(f"counting instructions and allocations under callgrind, {len(jobs)} pairs of runs ...")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: count_one(*job), jobs)
        return {(count.case, peer.name): result for (count, peer), result in zip(jobs, results)}


def count_one(count, peer):
    once = run(peer, count.case, count.operations)
    twice = run(peer, count.case, count.operations * 2)
    result = {"allocations_per_operation": (twice.allocations - once.allocations) / count.operations}
    if count.instructions:
        result["instructions_per_operation"] = (twice.instructions - once.instructions) / count.operations
    return result


def run(peer, case, operations):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        callgrind = [
            "valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=stopwatch",
            f"--callgrind-out-file={out}",
        ]
        done = subprocess.run(
            [*callgrind, *peer.command, *case.arguments, "--operations", str(operations)],
            capture_output=True,
            text=True,
            # The size of the environment moves the stack, and with it the paths that memcpy takes.
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        )
        if done.returncode != 0 or not out.exists():
            raise CountError(f"callgrind of bench-{peer.name} {case.benchmark}: {done.stderr.strip()}")
        totals = read(out)
    if totals.instructions == 0:
        raise CountError(f"callgrind of bench-{peer.name} {case.benchmark}: nothing ran inside of stopwatch")
    return totals


def read(path):
    """The totals of a callgrind file. A name is written out once, as `(7) malloc`, and is `(7)` from then on."""
    names = {}
    callee = None
    instructions = allocations = 0
    with open(path) as lines:
        for line in lines:
            if line.startswith(("fn=", "cfn=")):
                number, name = re.match(r"c?fn=\((\d+)\)(?: (.*))?", line).groups()
                if name:
                    # malloc'2 is malloc called from inside of malloc.
                    names[number] = name.split("'")[0]
                if line.startswith("cfn="):
                    callee = names[number]
            elif line.startswith("calls=") and callee in ALLOCATORS:
                allocations += int(line[len("calls="):].split()[0])
            elif line.startswith("totals:"):
                instructions = int(line.split()[1])
    return Totals(instructions, allocations)
