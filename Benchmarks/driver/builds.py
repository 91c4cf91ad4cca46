"""What it takes to build a minimal program with a library, and what comes out: seconds, bytes, dynamic libraries."""

import shutil
import subprocess
import time

from .peers import BUILD, HOUSE, homebrew_flags
from .plan import OURS, Subject

MINIMAL = {OURS: "reactor", "nio": "nio"}
SUBJECT = Subject("build", 1)


def measure(peers, say):
    """As {(subject, peer name): {metric: number}}."""
    measured = {}
    for peer in peers:
        if peer.name in MINIMAL:
            say(f"building a minimal program with {peer.name}, from nothing ...")
            measured[SUBJECT, peer.name] = build(MINIMAL[peer.name])
    return measured


def build(name):
    scratch = BUILD / f"minimal-{name}"
    shutil.rmtree(scratch, ignore_errors=True)
    swift = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--scratch-path", str(scratch)]
    command = [*swift, *homebrew_flags("-Xcc", "-Xlinker"), "--package-path", str(HOUSE / "Minimal" / name)]
    # Fetching is not building.
    subprocess.run(["swift", "package", *command[5:], "resolve"], capture_output=True, check=True)
    started = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    seconds = time.monotonic() - started
    program = scratch / "release" / "minimal"
    stripped = scratch / "stripped"
    subprocess.run(["strip", "-o", str(stripped), str(program)], check=True)
    libraries = subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout.splitlines()
    return {"build": seconds, "stripped": stripped.stat().st_size, "libraries": len(libraries)}
