"""Rounds of all peers, interleaved in random order, so that what else the machine does hits each of them alike."""

import json
import random
import subprocess
import time
from dataclasses import dataclass


class RoundError(Exception):
    """A peer failed, or said something else than a result."""


@dataclass(frozen=True)
class Sample:
    """Nanoseconds per operation in one round."""

    cpu: float
    wall: float


def run_rounds(peers, cases, count, say):
    """For each case and peer the samples, in the order of the rounds: {(case, peer name): [Sample]}."""
    samples = {(case, peer.name): [] for case in cases for peer in peers}
    started = time.monotonic()
    for number in range(count):
        turns = [case for case in cases for _ in range(case.turns)]
        for case in random.sample(turns, len(turns)):
            for peer in random.sample(peers, len(peers)):
                samples[case, peer.name].append(run_one(peer, case))
        say(f"round {number + 1} of {count}, {time.monotonic() - started:.0f} s")
    return samples


def run_one(peer, case):
    done = subprocess.run([*peer.command, *case.command_line], capture_output=True, text=True)
    try:
        if done.returncode != 0:
            raise ValueError
        result = json.loads(done.stdout)
        return Sample(result["cpu_ns"] / result["operations"], result["wall_ns"] / result["operations"])
    except (ValueError, KeyError) as error:
        problem = (done.stderr or done.stdout).strip() or f"ended with status {done.returncode}"
        raise RoundError(f"bench-{peer.name} {' '.join(case.arguments)}: {problem}") from error
