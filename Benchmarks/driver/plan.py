"""What is measured: the benchmarks, their sizes, and who takes part in them."""

from dataclasses import dataclass, field
from typing import NamedTuple

OURS = "reactor"
RAW = "libev"
FAST = (OURS, RAW, "libuv", "libevent")
SWIFT = ("nio", "dispatch")
PYTHON = ("asyncio", "uvloop", "twisted")
PEERS = (*FAST, *SWIFT, *PYTHON)


class Subject(NamedTuple):
    """What a figure is about."""

    benchmark: str
    size: int
    active: int = 1

    @property
    def scale(self):
        return f"{self.size:,}" if self.active == 1 else f"{self.size:,} / {self.active:,}"


@dataclass(frozen=True)
class Case:
    """One benchmark at one size, and how much of it is done in a round.

    Where a difference of a few percent is to be seen, the fast peers have many short turns in a round: then what the
    machine does besides hits both sides of a pair, or neither, and the median of the ratios does not see it. Where a turn
    takes seconds, there are fewer rounds.
    """

    benchmark: str
    size: int
    active: int = 1
    operations: int = None
    turns: int = 1
    rounds: int = None  # no more than so many
    slow: dict = field(default_factory=dict, hash=False)  # the operations of peers that take long for one
    few_rounds: tuple = ()  # peers that take part in three rounds only
    without: dict = field(default_factory=dict, hash=False)  # peers that do not take part, and why

    @property
    def subject(self):
        return Subject(self.benchmark, self.size, self.active)

    @property
    def descriptors(self):
        """How many a program opens for it."""
        for_each = {"ring": 2, "ring_sockets": 2, "ring_eventfds": 1, "rearm": 2, "ping_pong": 2, "idle": 1, "footprint_watchers": 1}
        return for_each.get(self.benchmark, 0) * self.size + 100

    def takes_part(self, peer, number):
        """Whether in the round of this number."""
        if peer in self.without or (self.rounds is not None and number >= self.rounds):
            return False
        return peer not in self.few_rounds or number < 3

    def turns_of(self, peer):
        return self.turns if peer in FAST else 1

    def command_line(self, peer):
        operations = self.slow.get(peer, self.operations)
        given = ["--operations", str(operations)] if operations else []
        return [self.benchmark, str(self.size), str(self.active), *given]


def each(peers, what):
    return {peer: what for peer in peers}


TOO_SLOW = "a round takes close to a minute, or longer"
ALWAYS_EXACT = each(("libevent", *SWIFT, *PYTHON), "in timer_churn its delays count from the call already")
NOTHING_TO_THROW = each(("libev", "libuv", "libevent", "dispatch"), "its callbacks cannot throw")
CANNOT_PUSH_BACK = each(("nio", "asyncio", "uvloop"), "it can only cancel a timer and add another")
CANNOT_REPEAT = each(("asyncio", "uvloop"), "it has no timers that come again")
NO_CHILDREN = each(SWIFT, "it starts no child processes")
NO_EVENTFDS = {"nio": "its channels are of pipes and sockets"}
ONE_REACTOR = {"twisted": "it has one reactor in a process"}

MILLION = 1_000_000
CHURNED = 100_000
RING = Case("ring", 1_000, 100, operations=40_000, turns=8)

CASES = [
    Case("million_timers", 1_000, slow=each(PYTHON, 20_000)),
    Case("million_timers", 10_000, slow=each(PYTHON, 20_000)),
    Case("million_timers", 100_000, few_rounds=PYTHON),
    Case("million_timers", MILLION, few_rounds=(*SWIFT, "asyncio", "uvloop"), without={"twisted": TOO_SLOW}),
    Case("million_timers", 10 * MILLION, rounds=2, without=each(PEERS[2:], TOO_SLOW)),
    Case("timer_churn", 1_000, slow=each(("nio", *PYTHON), 50_000)),
    Case("timer_churn", CHURNED, slow={"nio": 2_000, **each(PYTHON, 50_000)}),
    Case("timer_churn_exact", 1_000, without=ALWAYS_EXACT),
    Case("timer_churn_exact", CHURNED, without=ALWAYS_EXACT),
    Case("timer_again", CHURNED, slow={"twisted": 50_000}, without=CANNOT_PUSH_BACK),
    Case("timer_repeat", 1_000, slow=each(("nio", "twisted"), 20_000), without=CANNOT_REPEAT),
    Case("timer_precision", 200),
    Case("timer_precision", 2_000),
    Case("ring", 100, 1, operations=20_000, turns=2),
    RING,
    Case("ring", 5_000, 100, operations=40_000, few_rounds=(*SWIFT, *PYTHON)),
    Case("ring", 9_500, 100, operations=40_000, few_rounds=(*SWIFT, *PYTHON)),
    Case("ring", 15_000, 100, operations=40_000, few_rounds=(*SWIFT, *PYTHON)),
    Case("ring_sockets", 1_000, 100, operations=20_000, turns=2),
    Case("ring_eventfds", 15_000, 100, operations=40_000, few_rounds=(*SWIFT, *PYTHON), without=NO_EVENTFDS),
    Case("rearm", 1_000, operations=20_000),
    Case("loop_count", 1, operations=20_000),
    Case("async_pummel", 1, slow=each(PYTHON, 20_000)),
    Case("async_pummel", 4, slow=each(PYTHON, 20_000)),
    Case("wakeup", 1, operations=500),
    Case("ping_pong", 1, operations=5_000),
    Case("ping_pong", 100, operations=10_000),
    Case("spawn", 8, operations=200, without=NO_CHILDREN),
    Case("many_reactors", 1, operations=40_000, without=ONE_REACTOR),
    Case("many_reactors", 2, operations=40_000, without=ONE_REACTOR),
    Case("failures", 1, operations=20_000, without=NOTHING_TO_THROW),
    Case("idle", 10_000, operations=500, rounds=3),
    Case("footprint_timers", 100_000, rounds=3),
    Case("footprint_watchers", 5_000, rounds=3),
    Case("start", 1),
]

QUICK_CASES = [
    Case("million_timers", 1_000, slow=each(PYTHON, 10_000)),
    Case("million_timers", 100_000, without=each(PYTHON, "not in a quick run")),
    Case("timer_churn", CHURNED, slow={"nio": 1_000, **each(PYTHON, 10_000)}),
    Case("timer_precision", 2_000),
    Case("ring", 1_000, 100, operations=20_000, turns=4),
    Case("async_pummel", 1, slow=each(PYTHON, 10_000)),
    Case("wakeup", 1, operations=200),
    Case("ping_pong", 100, operations=3_000),
    Case("spawn", 8, operations=50, without=NO_CHILDREN),
    Case("failures", 1, operations=5_000, without=NOTHING_TO_THROW),
    Case("start", 1),
]


@dataclass(frozen=True)
class Count:
    """A case whose instructions and allocations are counted, with `operations` and with twice as many.

    Where the clock decides what is done in which pass, as with timers that come again each millisecond, the number of
    instructions is another each time, and only the allocations count. Those of a timer, from being added to being over,
    are counted in virtual time, which is the same each time.
    """

    subject: Subject
    operations: int
    instructions: bool = True
    allocations: bool = True
    only_ours: bool = False


COUNTS = [
    Count(Subject("timers_in_virtual_time", 100_000), 100_000, only_ours=True),
    Count(Subject("timer_churn", CHURNED), 100_000),
    Count(Subject("timer_again", CHURNED), 100_000),
    Count(Subject("timer_repeat", 1_000), 20_000, instructions=False),
    Count(Subject("ring", 1_000, 100), 50_000),
    Count(Subject("rearm", 1_000), 20_000),
    Count(Subject("loop_count", 1), 20_000),
]

QUICK_COUNTS = [Count(Subject("ring", 1_000, 100), 20_000)]
