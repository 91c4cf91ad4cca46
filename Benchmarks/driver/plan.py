"""What is measured: the benchmarks, their sizes, and what they are to reach."""

from dataclasses import dataclass

OURS = "reactor"
RAW = "libev"


@dataclass(frozen=True)
class Case:
    """One benchmark at one size.

    Where a difference of a few percent is to be seen, it has many short turns in a round: then what the machine does
    besides hits both sides of a pair, or neither, and the median of the ratios does not see it.
    """

    benchmark: str
    size: int
    active: int = 1
    operations: int = None
    turns: int = 1

    @property
    def arguments(self):
        return [self.benchmark, str(self.size), str(self.active)]

    @property
    def command_line(self):
        return self.arguments + (["--operations", str(self.operations)] if self.operations else [])


@dataclass(frozen=True)
class Count:
    """A case whose instructions and allocations are counted, with `operations` and with twice as many.

    Where the clock decides what is done in which pass, as with timers that come again each millisecond, the number of
    instructions is another each time, and only the allocations count. The allocations of a timer, from being added to
    being over, are those of `timers_add`.
    """

    case: Case
    operations: int
    instructions: bool = True
    allocations: bool = True


MILLION = 1_000_000
RING = Case("ring", 1_000, active=100, operations=40_000, turns=8)

CASES = [
    *(Case(benchmark, size) for size in (1_000, 100_000, MILLION) for benchmark in ("timers_add", "timers_fire")),
    Case("timers_spread", 10_000),
    Case("timer_churn", 100_000),
    Case("timer_again", 100_000),
    Case("timer_repeat", 1_000),
    RING,
    Case("rearm", 1_000),
]

QUICK_CASES = [
    case
    for case in CASES
    if case not in (Case("timers_add", 100_000), Case("timers_fire", 100_000), Case("timers_spread", 10_000))
]

COUNTS = [
    Count(Case("timers_add", 100_000), 100_000),
    Count(Case("timers_fire", 100_000), 100_000, allocations=False),
    Count(Case("timer_churn", 100_000), 100_000),
    Count(Case("timer_again", 100_000), 100_000),
    Count(Case("timer_repeat", 1_000), 20_000, instructions=False),
    Count(RING, 50_000),
    Count(Case("rearm", 1_000), 20_000),
]

# In a quick run only what a goal asks for is counted.
QUICK_COUNTS = [
    Count(Case("timers_add", 100_000), 100_000, instructions=False),
    Count(Case("timer_repeat", 1_000), 10_000, instructions=False),
    Count(RING, 20_000),
]


@dataclass(frozen=True)
class Goal:
    """What one figure, made from the results, has to reach; `figure` gives None where what it needs was left out."""

    text: str
    unit: str
    figure: object
    at_least: float = None
    at_most: float = None

    def is_met(self, value):
        return value >= self.at_least if self.at_least is not None else value <= self.at_most

    @property
    def limit(self):
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"


# Allocations are counted to the thousandth: what an array or a slab takes as it grows is not one for each operation.
NO_ALLOCATION = 0.02

GOALS = [
    Goal(
        "adding and firing a million timers: raw libev's CPU time / ours",
        "x",
        lambda results: results.ratio([Case("timers_add", MILLION), Case("timers_fire", MILLION)], RAW),
        at_least=2,
    ),
    Goal(
        "add and cancel with 100,000 pending: our CPU time / raw libev's",
        "x",
        lambda results: results.inverse_ratio([Case("timer_churn", 100_000)], RAW),
        at_most=2,
    ),
    Goal(
        "descriptor event: our CPU time / raw libev's",
        "x",
        lambda results: results.inverse_ratio([RING], RAW),
        at_most=1.03,
    ),
    Goal(
        "descriptor event: our instructions - raw libev's",
        "",
        lambda results: results.difference(RING, "instructions_per_operation", RAW),
        at_most=40,
    ),
    Goal(
        "descriptor event: allocations",
        "",
        lambda results: results.count(RING, "allocations_per_operation"),
        at_most=NO_ALLOCATION,
    ),
    Goal(
        "LoopingCall that fires: allocations",
        "",
        lambda results: results.count(Case("timer_repeat", 1_000), "allocations_per_operation"),
        at_most=NO_ALLOCATION,
    ),
    Goal(
        "callLater: allocations (the caller's closure, if it needs one)",
        "",
        lambda results: results.count(Case("timers_add", 100_000), "allocations_per_operation"),
        at_most=1,
    ),
]
