"""System calls of a program at rest, counted by strace: how many there are in a second more of it."""

import os
import re
import shutil
import subprocess
import tempfile

from .plan import Subject

IDLE = Subject("idle", 10_000)
MILLISECONDS = (500, 2_500)


def are_countable():
    """Whether there is an strace, and it may trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-c", "-o", os.devnull, "true"], capture_output=True).returncode == 0


def count_all(peers, say):
    """Each second's, as {(subject, peer name): {metric: number}}."""
    say("counting the system calls of programs at rest ...")
    counted = {}
    for peer in peers:
        short, long = (calls(peer, milliseconds) for milliseconds in MILLISECONDS)
        seconds = (MILLISECONDS[1] - MILLISECONDS[0]) / 1e3
        counted[IDLE, peer.name] = {"system_calls": max(0, long - short) / seconds}
    return counted


def calls(peer, milliseconds):
    with tempfile.NamedTemporaryFile("r") as summary:
        command = [*peer.command, *map(str, IDLE), "--operations", str(milliseconds)]
        subprocess.run(["strace", "-f", "-c", "-o", summary.name, *command], capture_output=True, check=True)
        # % time, seconds, usecs/call, calls, errors if there are any, "total"
        total = re.search(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*total$", summary.read(), re.MULTILINE)
        return int(total[1])
