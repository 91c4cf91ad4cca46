"""The programs that are compared: how each is built, or why it is left out."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .plan import OURS, PYTHON

HOUSE = Path(__file__).resolve().parent.parent
BUILD = HOUSE / ".build"
ENVIRONMENT = BUILD / "python"
REQUIREMENTS = HOUSE / "Peers" / "python" / "requirements.txt"


class BuildError(Exception):
    """Our own program does not build: there is nothing to compare with."""


@dataclass
class Peer:
    """One program, or what was in the way of building it."""

    name: str
    command: list = field(default_factory=list)
    missing: str = None


@dataclass(frozen=True)
class CLibrary:
    """A peer in C: Peers/<name>/*.c, and what it is linked with."""

    link: tuple
    package: str


C_LIBRARIES = {
    "libev": CLibrary(("-lev",), "libev-dev"),
    "libuv": CLibrary(("-luv",), "libuv1-dev"),
    "libevent": CLibrary(("-levent_core", "-levent_pthreads"), "libevent-dev"),
}
PYTHON_PROGRAMS = {
    "asyncio": ["event_loop.py", "asyncio"],
    "uvloop": ["event_loop.py", "uvloop"],
    "twisted": ["twisted_reactor.py"],
}


def build_all(names, say):
    """Ours first, then those that are asked for."""
    say("building bench-reactor (release) ...")
    peers = [build_ours(HOUSE)]
    for name in names:
        if name == OURS:
            continue
        say(f"building bench-{name} ...")
        peers.append(build(name))
    return peers


def build(name):
    try:
        if name in C_LIBRARIES:
            return Peer(name, [build_c(name, C_LIBRARIES[name])])
        if name in PYTHON:
            return build_python(name)
        if name == "nio":
            return Peer(name, [build_swift(HOUSE / "Peers" / "nio", "bench-nio")])
        return Peer(name, [build_swift(HOUSE, "bench-dispatch")])
    except BuildError as error:
        return Peer(name, missing=str(error))


def build_ours(house, temporary=None):
    return Peer(OURS, [build_swift(house, "bench-reactor", temporary)])


def build_swift(package, product, temporary=None):
    """The program's path. The package manager's own temporary files stay where it puts them, or go to `temporary`."""
    if shutil.which("swift") is None:
        raise BuildError("swift is not on the PATH; install a Swift 6.3 toolchain")
    # Valgrind before 3.20 gives up on the debug information of C files in the form that the compiler prefers.
    debug = ["-Xcc", "-gdwarf-4"]
    swift = ["swift", "build", "-c", "release", "--package-path", str(package), *debug]
    swift += homebrew_flags("-Xcc", "-Xlinker")
    environment = os.environ | ({"TMPDIR": str(temporary)} if temporary else {})
    built = subprocess.run([*swift, "--product", product], capture_output=True, text=True, env=environment)
    if built.returncode != 0:
        raise BuildError(f"{product} does not build:\n" + built.stdout + built.stderr)
    show = [*swift, "--show-bin-path"]
    where = subprocess.run(show, capture_output=True, text=True, check=True, env=environment)
    return str(Path(where.stdout.strip()) / product)


def build_c(name, library):
    program = BUILD / "peers" / f"bench-{name}"
    program.parent.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) is None:
        raise BuildError(f"no C compiler ({compiler})")
    sources = sorted(str(source) for source in (HOUSE / "Peers" / name).glob("*.c"))
    flags = ["-O2", "-Wall", "-Wextra", "-pthread", *homebrew_flags()]
    built = subprocess.run(
        [compiler, *flags, "-o", str(program), *sources, *library.link], capture_output=True, text=True
    )
    if built.returncode != 0:
        errors = [line for line in built.stderr.splitlines() if "error" in line] or ["the compiler failed"]
        problem = errors[0].replace(str(HOUSE) + "/", "")
        raise BuildError(f"{problem} (is {library.package} installed?)")
    print(built.stderr, end="", file=sys.stderr)
    return str(program)


def build_python(name):
    script, *arguments = PYTHON_PROGRAMS[name]
    return Peer(name, [python(), str(HOUSE / "Peers" / "python" / script), *arguments])


def python():
    """The interpreter of a virtual environment with all that Peers/python/requirements.txt lists."""
    interpreter = ENVIRONMENT / "bin" / "python"
    mark = ENVIRONMENT / "requirements.txt"
    if mark.exists() and mark.read_text() == REQUIREMENTS.read_text():
        return str(interpreter)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [str(interpreter), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise BuildError(f"no virtual environment for Python: {' '.join(reason)} (is python3-venv installed?)")
    shutil.copy(REQUIREMENTS, mark)
    return str(interpreter)


def homebrew_flags(for_compiler=None, for_linker=None):
    """Where Homebrew keeps libraries, which the compiler does not look at by itself."""
    if shutil.which("brew") is None:
        return []
    prefix = subprocess.run(["brew", "--prefix"], capture_output=True, text=True).stdout.strip()
    flags = [(for_compiler, f"-I{prefix}/include"), (for_linker, f"-L{prefix}/lib")]
    return [word for marker, flag in flags for word in (marker, flag) if word]
