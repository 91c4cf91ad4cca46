"""The programs that are compared: how each is built, or why it is left out."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
BUILD = HOUSE / ".build"


class BuildError(Exception):
    """Our own program does not build: there is nothing to compare with."""


@dataclass
class Peer:
    """One program, or what was in the way of building it."""

    name: str
    command: list
    missing: str = None


@dataclass(frozen=True)
class CLibrary:
    """A peer in C: one file, Peers/<name>.c, and what it is linked with."""

    name: str
    link: tuple
    package: str


C_LIBRARIES = [
    CLibrary("libev", ("-lev",), "libev-dev"),
    CLibrary("libuv", ("-luv",), "libuv1-dev"),
    CLibrary("libevent", ("-levent_core",), "libevent-dev"),
]


def build_all(names, say):
    """All peers, ours first. What is not among `names` was left out by the user's wish."""
    say("building bench-reactor (release) ...")
    peers = [build_ours()]
    for library in C_LIBRARIES:
        if library.name in names:
            say(f"building bench-{library.name} ...")
            peers.append(build_c(library))
        else:
            peers.append(Peer(library.name, [], "not asked for in this run"))
    return peers


def build_ours():
    if shutil.which("swift") is None:
        raise BuildError("swift is not on the PATH; install a Swift 6.3 toolchain")
    swift = ["swift", "build", "-c", "release", "--package-path", str(HOUSE)]
    built = subprocess.run([*swift, "--product", "bench-reactor"], capture_output=True, text=True)
    if built.returncode != 0:
        raise BuildError("bench-reactor does not build:\n" + built.stdout + built.stderr)
    where = subprocess.run([*swift, "--show-bin-path"], capture_output=True, text=True, check=True)
    return Peer("reactor", [str(Path(where.stdout.strip()) / "bench-reactor")])


def build_c(library):
    source = HOUSE / "Peers" / f"{library.name}.c"
    program = BUILD / "peers" / f"bench-{library.name}"
    program.parent.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        return Peer(library.name, [], f"no C compiler ({compiler})")
    prefix = homebrew_prefix()
    search = [f"-I{prefix}/include", f"-L{prefix}/lib"] if prefix else []
    built = subprocess.run(
        [compiler, "-O2", "-Wall", "-Wextra", *search, "-o", str(program), str(source), *library.link],
        capture_output=True,
        text=True,
    )
    if built.returncode != 0:
        errors = [line for line in built.stderr.splitlines() if "error" in line] or ["the compiler failed"]
        problem = errors[0].replace(str(HOUSE) + "/", "")
        return Peer(library.name, [], f"{problem} (is {library.package} installed?)")
    if built.stderr:
        print(built.stderr, end="")
    return Peer(library.name, [str(program)])


def homebrew_prefix():
    """Where Homebrew keeps libraries, which the compiler does not look at by itself."""
    if shutil.which("brew") is None:
        return None
    return subprocess.run(["brew", "--prefix"], capture_output=True, text=True).stdout.strip()
