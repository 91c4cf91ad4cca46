"""What came out: medians with their spread, ratios per round, counts, and how they compare with the goals."""

from dataclasses import dataclass
from statistics import median

from .plan import OURS


@dataclass(frozen=True)
class Figure:
    """One entry of results/latest.json."""

    benchmark: str
    peer: str
    size: int
    metric: str
    unit: str
    median: float
    low: float
    high: float
    ratio_to_ours: float


class Results:
    """Samples by case and peer, and counts where they were made."""

    def __init__(self, samples, counts):
        self.samples = samples
        self.counts = counts

    def ratios(self, cases, peer):
        """What the peer takes for these cases together, as a multiple of what ours takes, in each round."""
        if not all(self.samples.get((case, name)) for case in cases for name in (peer, OURS)):
            return None
        return [theirs / ours for theirs, ours in zip(self.totals(cases, peer), self.totals(cases, OURS))]

    def totals(self, cases, peer):
        """The CPU time for these cases together, in each round."""
        return [sum(of_round) for of_round in zip(*(self.cpu(case, peer) for case in cases))]

    def cpu(self, case, peer):
        return [sample.cpu for sample in self.samples[case, peer]]

    def ratio(self, cases, peer):
        ratios = self.ratios(cases, peer)
        return median(ratios) if ratios else None

    def inverse_ratio(self, cases, peer):
        ratios = self.ratios(cases, peer)
        return median(1 / ratio for ratio in ratios) if ratios else None

    def count(self, case, metric, peer=OURS):
        return self.counts.get((case, peer), {}).get(metric)

    def difference(self, case, metric, peer):
        ours, theirs = self.count(case, metric), self.count(case, metric, peer)
        return None if ours is None or theirs is None else ours - theirs

    def cases(self):
        """All cases, those that were only counted too."""
        return list(dict.fromkeys([case for case, _ in self.samples] + [case for case, _ in self.counts]))

    def peers(self, case):
        names = [name for of_case, name in [*self.samples, *self.counts] if of_case == case]
        return list(dict.fromkeys(names))

    def figures(self):
        """Everything, one figure after the other."""
        for case in self.cases():
            for peer in self.peers(case):
                yield from self.times(case, peer)
                yield from self.counted(case, peer)

    def times(self, case, peer):
        samples = self.samples.get((case, peer), [])
        if not samples:
            return
        ours = self.samples[case, OURS]
        for metric, of in (("cpu_ns_per_operation", lambda s: s.cpu), ("wall_ns_per_operation", lambda s: s.wall)):
            values = [of(sample) for sample in samples]
            ratio = median(of(theirs) / of(our) for theirs, our in zip(samples, ours))
            yield Figure(
                case.benchmark, peer, case.size, metric, "ns", median(values), min(values), max(values), ratio
            )

    def counted(self, case, peer):
        for metric, value in self.counts.get((case, peer), {}).items():
            ours = self.count(case, metric)
            ratio = value / ours if ours else None
            yield Figure(case.benchmark, peer, case.size, metric, "1", value, value, value, ratio)
