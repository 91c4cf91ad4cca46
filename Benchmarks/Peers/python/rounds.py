"""What the peers in Python share, as round.h is shared by the others: the command line, the stop watch, the result line."""

import json
import os
import resource
import socket
import sys
import time
from dataclasses import dataclass, field

FAR_NS = 60_000_000_000
SPREAD_NS = 200_000_000
PAUSE = 0.0002
MESSAGE = bytes(64)


@dataclass
class Round:
    """One round of one benchmark: what was asked for, and what has been measured so far."""

    peer: str
    benchmark: str
    size: int
    active: int = 1
    operations: int = 0
    wall_ns: int = 0
    cpu_ns: int = 0
    bytes: int = 0
    latencies: list = field(default_factory=list)
    parts: list = field(default_factory=list)

    @property
    def batches(self):
        return -(-self.operations // self.size)

    def part(self, name):
        part = Round(self.peer, name, self.size, operations=self.batches * self.size)
        self.parts.append(part)
        return part

    def begin(self):
        self.wall_ns -= time.monotonic_ns()
        self.cpu_ns -= time.process_time_ns()

    def end(self):
        self.cpu_ns += time.process_time_ns()
        self.wall_ns += time.monotonic_ns()

    def started(self):
        self.wall_ns = time.monotonic_ns() - int(os.environ.get("BENCH_STARTED_NS", 0))
        self.cpu_ns = time.process_time_ns()
        self.operations = 1

    def print_result(self):
        if self.parts:
            for part in self.parts:
                part.print_result()
            return
        names = ("benchmark", "peer", "size", "operations", "wall_ns", "cpu_ns", "bytes")
        line = {name: getattr(self, name) for name in names}
        if self.latencies:
            ordered = sorted(self.latencies)
            percentile = lambda percent: ordered[(len(ordered) - 1) * percent // 100]
            line["latency_ns"] = {
                "min": percentile(0), "p50": percentile(50), "p99": percentile(99), "max": percentile(100),
            }
        print(json.dumps(line))


def parse(peer, version, arguments, benchmarks):
    """The round that the command line asks for; the program ends with one line where it cannot be had."""
    if arguments == ["--version"]:
        print(version)
        sys.exit(0)
    operations = None
    if "--operations" in arguments:
        at = arguments.index("--operations")
        operations = number(peer, *arguments[at + 1:at + 2])
        del arguments[at:at + 2]
    if len(arguments) < 2 or len(arguments) > 3:
        fail(peer, "expected BENCHMARK SIZE [ACTIVE] [--operations N]")
    if arguments[0] not in benchmarks:
        fail(peer, f"no such benchmark: {arguments[0]!r}")
    size, active = number(peer, arguments[1]), number(peer, *arguments[2:3]) if arguments[2:] else 1
    return Round(peer, arguments[0], size, active, operations or max(size, 100_000))


def number(peer, text=""):
    if not text.isdecimal() or not 1 <= int(text) <= 100_000_000:
        fail(peer, f"expected a number from 1 to 100000000, got {text!r}")
    return int(text)


def fail(peer, problem):
    sys.exit(f"bench-{peer}: {problem}")


def random_numbers(state, count):
    """The numbers that round.h draws (splitmix64)."""
    import numpy  # Not at the top: a program that starts and ends does not pay for it.

    numbers = numpy.arange(1, count + 1, dtype=numpy.uint64)
    with numpy.errstate(over="ignore"):
        mixed = numpy.uint64(state) + numbers * numpy.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ mixed >> numpy.uint64(30)) * numpy.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ mixed >> numpy.uint64(27)) * numpy.uint64(0x94D049BB133111EB)
        return mixed ^ mixed >> numpy.uint64(31)


def horizon_ns(size):
    return max(size * 50, 1_000_000)


def delays_below(nanoseconds, count):
    """Delays in seconds."""
    return (random_numbers(1, count) % nanoseconds / 1e9).tolist()


def far_delays(count):
    return (FAR_NS / 1e9 + random_numbers(1, count) % FAR_NS / 1e9).tolist()


def victims(round):
    return (random_numbers(2, round.operations) % round.size).tolist()


def open_readers(count):
    """Reading ends of one pipe, for where nothing is written."""
    raise_limit()
    reader, _ = os.pipe()
    return [os.dup(reader) for _ in range(count)]


def pipe():
    return os.pipe()


def sockets():
    return tuple(end.detach() for end in socket.socketpair())


def eventfd():
    """Both ends in one."""
    descriptor = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_CLOEXEC)
    return descriptor, descriptor


def open_pairs(count, pair=pipe):
    """Pairs of descriptors, the reading end first."""
    raise_limit()
    return [pair() for _ in range(count)]


def raise_limit():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Ring:
    """Tokens that go round a ring: who finds one in his pair puts it into the next."""

    # Of eight bytes, and a one, because that is what an eventfd takes.
    TOKEN = (1).to_bytes(8, sys.byteorder)

    def __init__(self, round, pair, stop):
        self.pairs = open_pairs(round.size, pair)
        self.unsent = self.awaited = round.operations
        self.first = [self.pairs[number * (round.size // round.active)][1] for number in range(round.active)]
        self.stop = stop

    def stations(self):
        """Where a token comes in, and where it goes then."""
        return [(reader, self.pairs[(number + 1) % len(self.pairs)][1]) for number, (reader, _) in enumerate(self.pairs)]

    def start(self):
        for descriptor in self.first:
            self.send(descriptor)

    def send(self, descriptor):
        if self.unsent:
            self.unsent -= 1
            os.write(descriptor, self.TOKEN)

    def token_arrived(self, source, target):
        os.read(source, len(self.TOKEN))
        self.send(target)
        self.awaited -= 1
        if not self.awaited:
            self.stop()
