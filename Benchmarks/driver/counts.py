"""Instructions and allocations per operation, counted under valgrind: the same on any machine, whatever else it does.

Each count is made with so many operations and with twice as many, by the same program in the same environment, and the
difference is divided: what is done once, to start or to grow an array, is in both and falls out.

Instructions are callgrind's, of what happens inside of `stopwatch` only. Allocations are memcheck's ("total heap
usage"), of the whole program: those of a timer are all that it takes from being added to being over. (Callgrind's own
counts of calls to malloc would not do: they go on outside of the function that is to be counted.)
"""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from .plan import OURS

CALLGRIND = [
    "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=stopwatch", "--callgrind-out-file=/dev/null",
]
MEMCHECK = ["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"]


class CountError(Exception):
    """Valgrind did not do what it was asked for."""


def are_available():
    return shutil.which("valgrind") is not None


def count_all(peers, counts, say):
    """The counts by name, for each subject and peer: {(subject, peer name): {metric: number}}."""
    jobs = [(count, peer) for count in counts for peer in peers if peer.name == OURS or not count.only_ours]
    say(f"counting instructions and allocations under valgrind, {len(jobs)} programs ...")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: count_one(*job), jobs)
        return {(count.subject, peer.name): result for (count, peer), result in zip(jobs, results)}


def count_one(count, peer):
    result = {}
    if count.instructions:
        result["instructions"] = difference(instructions, peer, count)
    if count.allocations:
        result["allocations"] = difference(allocations, peer, count)
    return result


def difference(measure, peer, count):
    once, twice = (measure(peer, count.subject, count.operations * times) for times in (1, 2))
    return (twice - once) / count.operations


def instructions(peer, subject, operations):
    counted = run(CALLGRIND, r"Collected : (\d+)", peer, subject, operations)
    if counted == 0:
        raise CountError(f"callgrind of bench-{peer.name} {subject.benchmark}: nothing ran inside of stopwatch")
    return counted


def allocations(peer, subject, operations):
    return run(MEMCHECK, r"total heap usage: ([\d,]+) allocs", peer, subject, operations)


def run(tool, figure, peer, subject, operations):
    done = subprocess.run(
        ["valgrind", *tool, *peer.command, *map(str, subject), "--operations", str(operations)],
        capture_output=True,
        text=True,
        # The size of the environment moves the stack, and with it the paths that memcpy takes.
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
    )
    found = re.search(figure, done.stderr)
    if done.returncode != 0 or not found:
        raise CountError(f"{tool[0]} of bench-{peer.name} {subject.benchmark}: {done.stderr.strip()}")
    return int(found[1].replace(",", ""))
