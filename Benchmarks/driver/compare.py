"""Ours as it is, beside ours as it was at another commit: the same benchmarks, in the same rounds."""

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from . import counts, figures, rounds
from .peers import HOUSE, BuildError, build_ours
from .plan import COUNTS, FAST, OURS, PEERS, QUICK_CASES
from .report import aligned, amount, metrics, times

BASE = "base"


class CompareError(Exception):
    """There is no such commit, or it cannot be built."""


@contextmanager
def checkout(commit):
    """The library as it was, with the benchmarks as they are; gone again afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        archive = subprocess.run(
            ["git", "-C", str(HOUSE.parent), "archive", f"{commit}^{{commit}}"], capture_output=True
        )
        if archive.returncode != 0:
            raise CompareError(f"no commit {commit!r} in this repository")
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        # A package is called after its folder, where it is one by path.
        house = Path(folder) / HOUSE.name
        shutil.rmtree(house, ignore_errors=True)
        shutil.copytree(HOUSE, house, ignore=shutil.ignore_patterns(".build*", "results", "Peers", "Minimal"))
        yield house


def compare(commit, count, say):
    with checkout(commit) as house:
        say("building bench-reactor (release), as it is and as it was ...")
        try:
            ours, base = build_ours(HOUSE), build_ours(house, temporary=house.parent)
        except BuildError as error:
            raise CompareError(f"the benchmarks of today do not build with one of the two: {error}") from error
        base.name = BASE
        cases = [case for case in QUICK_CASES if OURS not in case.without]
        samples = rounds.run_rounds([ours, base], cases, count, say)
        counted = counts.count_all([ours, base], COUNTS, say) if counts.are_available() else {}
    entries = [*figures.from_samples(samples), *figures.from_counts(counted)]
    return table(figures.Figures({}, entries, []))


def table(results):
    rows = [("benchmark", "size", "metric", "base", "now", "base / now")]
    for subject in results.subjects():
        for metric in [*metrics(subject)[:1], "instructions", "allocations"]:
            base, now = results.get(subject, metric, BASE), results.get(subject, metric)
            if base and now:
                shown = [amount(entry["median"], entry["unit"]) for entry in (base, now)]
                rows.append((subject.benchmark, subject.scale, metric, *shown, times(base["ratio_to_ours"])))
    return aligned(rows)
