"""System calls, counted by strace: how many there are in a second more of rest, and in one more operation."""

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter

from .plan import Subject

IDLE = Subject("idle", 10_000)
MILLISECONDS = (500, 2_500)

# For a table by name: what an operation is, two command lines, and how many more operations are in the second.
OPERATIONS = {
    "ring hop, 100 active": (["ring", "1000", "100", "--operations"], 5_000, 10_000),
    "ring hop, 1 active": (["ring", "1000", "1", "--operations"], 5_000, 10_000),
    "pass": (["loop_count", "1", "1", "--operations"], 5_000, 10_000),
    "pause and resume": (["rearm", "1000", "1", "--operations"], 5_000, 10_000),
    "timer that fires alone": (["timer_precision"], 100, 1_100),
    "call to a sleeping loop": (["wakeup", "1", "1", "--operations"], 500, 1_000),
    "echo, 1 connection": (["ping_pong", "1", "1", "--operations"], 1_000, 2_000),
}


class TraceError(Exception):
    """strace is not there, or may not trace."""


def are_countable():
    """Whether there is an strace, and it may trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-c", "-o", os.devnull, "true"], capture_output=True).returncode == 0


def count_all(peers, say):
    """Each second's at rest, as {(subject, peer name): {metric: number}}."""
    say("counting the system calls of programs at rest ...")
    counted = {}
    for peer in peers:
        arguments = [*map(str, IDLE), "--operations"]
        more = difference(peer, arguments, *MILLISECONDS)
        seconds = (MILLISECONDS[1] - MILLISECONDS[0]) / 1e3
        counted[IDLE, peer.name] = {"system_calls": max(0, more.total()) / seconds}
    return counted


def by_name(peer, say):
    """How many of each an operation takes: {operation: {system call: number}}."""
    if not are_countable():
        raise TraceError("strace is not installed, or may not trace (strace)")
    say(f"counting the system calls of {len(OPERATIONS)} operations ...")
    counted = {}
    for operation, (arguments, few, many) in OPERATIONS.items():
        more = difference(peer, arguments, few, many)
        counted[operation] = {name: number / (many - few) for name, number in more.items()}
    return counted


def difference(peer, arguments, few, many):
    once, twice = (calls([*peer.command, *arguments, str(number)]) for number in (few, many))
    twice.subtract(once)
    return twice


def calls(command):
    with tempfile.NamedTemporaryFile("r") as summary:
        subprocess.run(["strace", "-f", "-c", "-o", summary.name, *command], capture_output=True, check=True)
        # % time, seconds, usecs/call, calls, errors if there are any, the name
        row = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", re.MULTILINE)
        return Counter({name: int(number) for number, name in row.findall(summary.read()) if name != "total"})
