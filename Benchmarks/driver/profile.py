"""Where the instructions of an operation go: callgrind's count of each function, put into a few groups.

As with the counts, what is in a run of N operations is taken from one of 2 N, so that only the operations are left.
"""

import json
import os
import re
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .figures import LATEST, NoResults
from .plan import Subject

PROFILE = LATEST.with_name("profile.json")

# What is looked at, how many operations, and whether only the thread with the stop watch counts.
PROFILED = {
    "add and fire": (Subject("timers_in_virtual_time", 10_000), 50_000, True),
    "cancel and add": (Subject("timer_churn_in_virtual_time", 10_000), 50_000, True),
    "ring hop": (Subject("ring", 1_000, 100), 20_000, True),
    "pass": (Subject("loop_count", 1), 10_000, True),
    "call from a thread": (Subject("async_pummel", 1), 50_000, False),
}

# The first that fits a function's file and name.
GROUPS = [
    ("counting references", r"swift_(retain|release|bridge)|RefCount|swift_weak|swift_unowned"),
    ("checking exclusivity", r"swift_(begin|end)Access|AccessSet|SwiftTLSContext|__tls_get_addr"),
    ("memory: malloc, free, copying", r"malloc|_int_free|free$|calloc|realloc|mem(cpy|move|set)|Alloc|deallocate|Dealloc|Destroy"),
    ("the clock", r"clock_gettime|MonotonicClock"),
    ("the benchmark's own callback and loop", r"Benchmarks/|bench_reactor"),
    ("locks and wake-ups", r"pthread_|lll_|ThreadLock|Wakeup"),
    ("the system calls' own stubs", r"sysdeps/unix|epoll_|read\.c|write\.c"),
    ("libev", r"\?\?\?:(ev_|0x)"),
    ("sorting what is due", r"TimerRun\.|_merge|_stableSort|Sort"),
    ("the wheel", r"TimerWheel"),
    ("the slab and its outcomes", r"Timer(Slab|Store|Outcomes|Table|Queue)"),
    ("handles and delayed calls", r"DelayedCall"),
    ("durations and instants", r"Instant|Duration"),
    ("calls from threads", r"ThreadCall|ThreadOwned|ReactorHandle|ChunkedQueue"),
    ("descriptors' watchers", r"Watchers/|IORegistration|IOSource|IOSlot"),
    ("the pass and the door", r"Reactor\.swift|EventLoop|Door|DescriptorSweep|Alarm|CallSite|Dispatch/"),
]
REST = "all else"


def measure(peer, say):
    """Instructions of one operation, by what it is and group."""
    say(f"profiling {len(PROFILED)} operations under callgrind ...")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        profiles = pool.map(lambda what: profile(peer, *what), PROFILED.values())
        return dict(zip(PROFILED, profiles))


def profile(peer, subject, operations, only_timed):
    once, twice = (instructions(peer, subject, operations * times, only_timed) for times in (1, 2))
    # A group's rest of less than half an instruction is what differs by chance.
    return {group: (twice[group] - once[group]) / operations for group in twice}


def instructions(peer, subject, operations, only_timed):
    timed = ["--collect-atstart=no", "--toggle-collect=stopwatch"] if only_timed else []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        output = Path(folder) / "callgrind.out"
        command = [*peer.command, *map(str, subject), "--operations", str(operations)]
        valgrind = ["valgrind", "--tool=callgrind", *timed, f"--callgrind-out-file={output}", *command]
        subprocess.run(valgrind, capture_output=True, check=True)
        annotate = ["callgrind_annotate", "--auto=no", "--threshold=100", str(output)]
        listed = subprocess.run(annotate, capture_output=True, text=True, check=True).stdout
    listed = subprocess.run(["swift", "demangle", "--compact"], input=listed, capture_output=True, text=True).stdout
    counted = Counter()
    for line in listed.splitlines():
        found = re.match(r"\s*([\d,]+) \([ \d.]+%\)\s+(.*?:.*?)( \[.*\])?$", line)
        if found:
            counted[group(found[2])] += int(found[1].replace(",", ""))
    return counted


def group(function):
    return next((name for name, pattern in GROUPS if re.search(pattern, function)), REST)


def write(commit, profiles, system_calls):
    PROFILE.parent.mkdir(exist_ok=True)
    everything = {"commit": commit, "instructions": profiles, "system_calls": system_calls}
    PROFILE.write_text(json.dumps(everything, indent=1) + "\n")


def read():
    try:
        return json.loads(PROFILE.read_text())
    except FileNotFoundError:
        raise NoResults("there is no profile yet; run: make bench-profile") from None
