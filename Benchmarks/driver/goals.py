"""What is to be reached, as medians of the ratios."""

from dataclasses import dataclass
from typing import Callable

from .plan import CHURNED, MILLION, Subject

FIRING = Subject("timers_fire", MILLION)
CHURN = Subject("timer_churn", CHURNED)
EXACT_CHURN = Subject("timer_churn_exact", CHURNED)
RINGS = ("ring", "ring_eventfds")
TIMER_SIZES = (1_000, 10_000, 100_000, MILLION, 10 * MILLION)


@dataclass(frozen=True)
class Goal:
    """`figure` gives None where what it needs was not measured."""

    text: str
    figure: Callable
    at_least: float = None
    at_most: float = None
    unit: str = "x"

    def is_met(self, value):
        return value >= self.at_least if self.at_least is not None else value <= self.at_most

    @property
    def limit(self):
        return f">= {self.at_least:g}{self.unit}" if self.at_least is not None else f"<= {self.at_most:g}{self.unit}"

    def verdict(self, value):
        return "not measured" if value is None else "met" if self.is_met(value) else "NOT MET"

    def shown(self, value):
        return "" if value is None else f"{value:.3g}{self.unit}"


def faster(benchmarks, peer):
    """How many times a peer's CPU time is ours, at the size where that is least."""
    return lambda figures: extreme(min, (figures.ratio(subject, "cpu", peer) for subject in of(figures, *benchmarks)))


def slower(benchmarks, peer):
    """How many times our CPU time is a peer's, at the size where that is most."""
    ratio = faster(benchmarks, peer)
    return lambda figures: (lambda least: least and 1 / least)(ratio(figures))


def of(figures, *benchmarks):
    return [subject for subject in figures.subjects() if subject.benchmark in benchmarks]


def extreme(choose, values):
    return choose((value for value in values if value is not None), default=None)


def flatness(figures):
    """What a timer costs, added and fired, where that is most, as a multiple of where it is least."""
    costs = []
    for size in TIMER_SIZES:
        parts = [figures.median(Subject(part, size), "cpu") for part in ("timers_add", "timers_fire")]
        if None in parts:
            return None
        costs.append(sum(parts))
    return max(costs) / min(costs)


def lateness(figures):
    latest = extreme(max, (figures.median(subject, "latency_p50") for subject in of(figures, "timer_precision")))
    return latest and latest / 1e6


def timer_memory(figures):
    return extreme(max, (figures.median(subject, "memory") for subject in of(figures, "footprint_timers")))


def times_ours(subject, peer):
    """How many times a peer's CPU time is ours."""
    return lambda figures: figures.ratio(subject, "cpu", peer)


def times_theirs(subject, peer):
    """How many times our CPU time is a peer's."""

    def figure(figures):
        ratio = figures.ratio(subject, "cpu", peer)
        return ratio and 1 / ratio

    return figure


GOALS = [
    Goal("firing a million timers: raw libev's CPU time / ours", times_ours(FIRING, "libev"), at_least=3),
    Goal("firing a million timers: libuv's / ours", times_ours(FIRING, "libuv"), at_least=4),
    Goal("firing a million timers: SwiftNIO's / ours", times_ours(FIRING, "nio"), at_least=8),
    Goal("cancel and add, 100,000 pending: ours / raw libev's", times_theirs(CHURN, "libev"), at_most=1.5),
    Goal("the same, where raw libev's delays count from the call too", times_theirs(EXACT_CHURN, "libev"), at_most=2),
    Goal("cancel and add, 100,000 pending: SwiftNIO's / ours", times_ours(CHURN, "nio"), at_least=8),
    Goal("ring of pipes or eventfds, worst size: ours / raw libev's", slower(RINGS, "libev"), at_most=1.03),
    Goal("ring of pipes or eventfds, worst size: ours / libuv's", slower(RINGS, "libuv"), at_most=1),
    Goal("ring of pipes or eventfds, worst size: ours / libevent's", slower(RINGS, "libevent"), at_most=1),
    Goal("calls from threads: SwiftNIO's / ours", faster(["async_pummel"], "nio"), at_least=2),
    Goal("lateness of timers, p50", lateness, at_most=0.1, unit=" ms"),
    Goal("adding and firing, 1,000 to 10 million: dearest / cheapest", flatness, at_most=2),
    Goal("memory of a pending timer", timer_memory, at_most=128, unit=" bytes"),
]
