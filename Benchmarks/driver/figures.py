"""What came out, as results/latest.json has it: medians with their spread, and how they compare with ours."""

import json
from statistics import median

from .peers import HOUSE
from .plan import CASES, OURS, PEERS, Subject

LATEST = HOUSE / "results" / "latest.json"
UNITS = {"cpu": "ns", "wall": "ns", "memory": "bytes", "build": "s", "stripped": "bytes"}


class NoResults(Exception):
    """Nothing was measured yet."""


class Figures:
    """Medians by subject, peer and metric."""

    def __init__(self, conditions, entries, left_out):
        self.conditions = conditions
        self.entries = entries
        self.left_out = left_out
        self.by_key = {self.key(entry): entry for entry in entries}

    @staticmethod
    def key(entry):
        return Subject(entry["benchmark"], entry["size"], entry["active"]), entry["peer"], entry["metric"]

    def get(self, subject, metric, peer=OURS):
        return self.by_key.get((subject, peer, metric))

    def median(self, subject, metric, peer=OURS):
        entry = self.get(subject, metric, peer)
        return entry and entry["median"]

    def ratio(self, subject, metric, peer):
        """What a peer takes, as a multiple of what ours takes."""
        entry = self.get(subject, metric, peer)
        return entry and entry["ratio_to_ours"]

    def subjects(self):
        return list(dict.fromkeys(subject for subject, _, _ in self.by_key))

    def peers(self, subject):
        return list(dict.fromkeys(peer for of, peer, _ in self.by_key if of == subject))

    def metrics(self, subject, peer):
        return [metric for of, name, metric in self.by_key if (of, name) == (subject, peer)]

    def write(self, path):
        path.parent.mkdir(exist_ok=True)
        everything = {"conditions": self.conditions, "results": self.entries, "left_out": self.left_out}
        path.write_text(json.dumps(everything, indent=1) + "\n")


def read():
    try:
        everything = json.loads(LATEST.read_text())
    except FileNotFoundError:
        raise NoResults("there are no results yet; run: make bench") from None
    return Figures(everything["conditions"], everything["results"], everything["left_out"])


def from_samples(samples):
    """One entry for each metric of each subject and peer; ratios are those of turns in which both took part."""
    for (subject, peer), turns in sorted(samples.values.items(), key=lambda item: order(*item[0])):
        ours = samples.values.get((subject, OURS), {})
        for metric in next(iter(turns.values())):
            values = [measured[metric] for measured in turns.values() if metric in measured]
            ratios = [
                measured[metric] / ours[turn][metric]
                for turn, measured in turns.items()
                if measured.get(metric, 0) > 0 and ours.get(turn, {}).get(metric, 0) > 0
            ]
            yield figure(subject, peer, metric, values, median(ratios) if ratios else None)


def order(subject, peer):
    """As in the plan, whatever the order in which they came."""
    benchmarks = list(dict.fromkeys(case.benchmark for case in CASES))
    name = {"timers_add": "million_timers", "timers_fire": "million_timers"}.get(subject.benchmark, subject.benchmark)
    return benchmarks.index(name), subject, PEERS.index(peer) if peer in PEERS else len(PEERS)


def from_counts(counts):
    """Entries for what was counted once, as {(subject, peer): {metric: value}}."""
    for (subject, peer), metrics in counts.items():
        for metric, value in metrics.items():
            ours = counts.get((subject, OURS), {}).get(metric)
            yield figure(subject, peer, metric, [value], value / ours if ours else None)


def figure(subject, peer, metric, values, ratio):
    unit = "ns" if metric.startswith("latency") else UNITS.get(metric, "1")
    return {
        "benchmark": subject.benchmark, "peer": peer, "size": subject.size, "active": subject.active,
        "metric": metric, "unit": unit, "median": median(values), "low": min(values), "high": max(values),
        "rounds": len(values), "ratio_to_ours": ratio,
    }
