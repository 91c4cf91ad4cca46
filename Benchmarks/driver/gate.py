"""A gate that does not depend on the machine's mood: what an operation costs, in instructions and allocations, must not
be more than the committed limits say."""

import json
import platform
import re

from . import conditions, counts
from .peers import HOUSE
from .plan import OURS, Count, Subject

LIMITS = HOUSE / "limits.json"
SLACK = 1.03
# What an array or a slab takes as it grows is not the same each time.
ALLOCATION_SLACK = 0.005

GATED = [
    Count(Subject("timers_in_virtual_time", 10_000), 20_000),
    Count(Subject("timer_churn_in_virtual_time", 10_000), 20_000),
    Count(Subject("timer_again_in_virtual_time", 10_000), 20_000),
    Count(Subject("timer_repeat", 1_000), 10_000, instructions=False),
    Count(Subject("ring", 100, 10), 20_000),
    Count(Subject("ring", 100, 1), 10_000),
    Count(Subject("rearm", 100), 10_000),
    Count(Subject("loop_count", 1), 10_000),
    Count(Subject("failures_in_virtual_time", 1), 10_000),
]


class GateError(Exception):
    """The gate is closed, or cannot be asked."""


def measure(peer, say):
    if not counts.are_available():
        raise GateError("valgrind is not installed (valgrind)")
    counted = counts.count_all([peer], GATED, say)
    return {name(subject): values for (subject, peer_name), values in counted.items() if peer_name == OURS}


def name(subject):
    return f"{subject.benchmark} {subject.scale}"


def setting():
    """What the counts depend on, beside the code."""
    version = re.search(r"Swift version (\S+)", conditions.first_line(["swift", "--version"]) or "")
    return {"architecture": platform.machine(), "swift": version[1] if version else "unknown"}


def record(measured):
    rounded = {
        subject: {metric: abs(round(value, 3)) for metric, value in values.items()} for subject, values in measured.items()
    }
    LIMITS.write_text(json.dumps({"recorded_with": setting(), "limits": rounded}, indent=2) + "\n")


def check(measured):
    """A line for each count; raises where one is beyond its limit."""
    recorded = json.loads(LIMITS.read_text())
    if recorded["recorded_with"] != setting():
        yield f"not compared: the limits are for {recorded['recorded_with']}, and this is {setting()}"
        return
    limits = recorded["limits"]
    if limits.keys() != measured.keys():
        raise GateError("limits.json is not about what is counted now; run: make bench-gate-record")
    beyond = []
    for subject, values in measured.items():
        for metric, value in values.items():
            limit = limits[subject][metric]
            too_much = value > limit * SLACK + (ALLOCATION_SLACK if metric == "allocations" else 0)
            line = f"{'BEYOND' if too_much else 'within':7} {subject:36} {metric:13} {value:10.3f}  (limit {limit:.3f})"
            yield line
            if too_much:
                beyond.append(f"{subject}: {value:.3f} {metric} an operation, {value / limit - 1:+.1%}" if limit else line)
    if beyond:
        raise GateError(
            "more than 3 % beyond the limits:\n  " + "\n  ".join(beyond)
            + "\nMake it cheaper; where it is worth its price, say so in the commit and run: make bench-gate-record"
        )
