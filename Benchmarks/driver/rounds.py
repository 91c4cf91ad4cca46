"""Rounds of all peers, interleaved in random order, so that what else the machine does hits each of them alike."""

import json
import os
import random
import resource
import subprocess
import time

from .plan import PEERS, Subject


class RoundError(Exception):
    """A peer failed, or said something else than a result."""


class Samples:
    """Measured values, by what they are about; those of two peers that belong together have the same turn."""

    def __init__(self):
        self.values = {}  # {(Subject, peer): {turn: {metric: value}}}

    def add(self, subject, peer, turn, metrics):
        self.values.setdefault((subject, peer), {})[turn] = metrics


def run_rounds(peers, cases, count, say):
    samples = Samples()
    started = time.monotonic()
    for number in range(count):
        turns = [(case, turn) for case in cases for turn in range(case.turns)]
        for case, turn in random.sample(turns, len(turns)):
            for peer in random.sample(peers, len(peers)):
                if case.takes_part(peer.name, number) and turn < case.turns_of(peer.name):
                    for subject, metrics in run_one(peer, case):
                        samples.add(subject, peer.name, (number, turn), metrics)
        say(f"round {number + 1} of {count}, {time.monotonic() - started:.0f} s")
    return samples


def run_one(peer, case):
    """What each line that the program prints says."""
    arguments = case.command_line(peer.name)
    environment = os.environ | {"BENCH_STARTED_NS": str(time.monotonic_ns())}
    done = subprocess.run([*peer.command, *arguments], capture_output=True, text=True, env=environment)
    try:
        if done.returncode != 0:
            raise ValueError
        results = [json.loads(line) for line in done.stdout.splitlines()]
        return [(Subject(result["benchmark"], case.size, case.active), metrics(result)) for result in results]
    except (ValueError, KeyError) as error:
        problem = (done.stderr or done.stdout).strip() or f"ended with status {done.returncode}"
        raise RoundError(f"bench-{peer.name} {' '.join(arguments)}: {problem}") from error


def metrics(result):
    operations = result["operations"]
    if result["bytes"]:
        return {"memory": result["bytes"] / operations}
    measured = {"cpu": result["cpu_ns"] / operations, "wall": result["wall_ns"] / operations}
    for name, value in result.get("latency_ns", {}).items():
        measured[f"latency_{name}"] = value
    return measured


def split_by_descriptors(cases):
    """The cases that can be run here, and those that need more descriptors than a process is granted."""
    needed = max((case.descriptors for case in cases), default=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
        except (ValueError, OSError):
            pass
    granted = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    possible = lambda case: granted == resource.RLIM_INFINITY or case.descriptors <= granted
    return [case for case in cases if possible(case)], [case for case in cases if not possible(case)], granted


def left_out(cases, impossible, granted, peers):
    """Who or what did not take part, and why: {"benchmark", "size", "peer", "reason"}."""
    entries = []
    for peer in peers:
        if peer.missing:
            entries.append({"benchmark": "all", "size": "", "peer": peer.name, "reason": peer.missing})
    present = [peer.name for peer in peers if not peer.missing]
    for name in PEERS:
        if name not in [peer.name for peer in peers]:
            entries.append({"benchmark": "all", "size": "", "peer": name, "reason": "not asked for in this run"})
    for case in cases:
        for peer, reason in case.without.items():
            if peer in present:
                entries.append(entry(case, peer, reason))
    for case in impossible:
        reason = f"it needs {case.descriptors:,} descriptors, and a process is granted {granted:,}"
        entries.append(entry(case, "all", reason))
    return entries


def entry(case, peer, reason):
    return {"benchmark": case.benchmark, "size": case.subject.scale, "peer": peer, "reason": reason}
