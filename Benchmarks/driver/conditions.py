"""Under what conditions the figures came about: without them they mean nothing."""

import datetime
import os
import platform
import subprocess

from .peers import HOUSE


def conditions(peers, rounds):
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "architecture": platform.machine()},
        "system": f"{platform.system()} {platform.release()}",
        "load_average": os.getloadavg()[0],
        "swift": first_line(["swift", "--version"]),
        "c_compiler": first_line([os.environ.get("CC", "cc"), "--version"]),
        "python": first_line(["python3", "--version"]),
        "valgrind": first_line(["valgrind", "--version"]),
        "peers": {peer.name: version(peer) for peer in peers},
        "rounds": rounds,
    }


def version(peer):
    if peer.missing:
        return f"left out: {peer.missing}"
    return first_line([*peer.command, "--version"])


def commit():
    """The revision, with a plus sign where there are changes that are not in it."""
    revision = first_line(["git", "-C", str(HOUSE), "rev-parse", "--short", "HEAD"])
    changed = first_line(["git", "-C", str(HOUSE), "status", "--porcelain", "--untracked-files=no"])
    return f"{revision}+" if revision and changed else revision


def processor():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return first_line(["sysctl", "-n", "machdep.cpu.brand_string"])


def first_line(command):
    """What a program says first; None where it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    lines = done.stdout.splitlines()
    return lines[0] if done.returncode == 0 and lines else None
