"""The table on the terminal."""

from statistics import median

from .plan import GOALS

COLUMNS = ("benchmark", "size", "peer", "CPU ns/op", "lowest..highest", "wall", "x ours", "instr/op", "alloc/op")
LEFT_ALIGNED = {"benchmark", "peer"}


def table(results):
    rows = [COLUMNS]
    for case in results.cases():
        for number, peer in enumerate(results.peers(case)):
            what = (case.benchmark, f"{case.size:,}") if number == 0 else ("", "")
            rows.append((*what, peer, *times(results, case, peer), *counts(results, case, peer)))
    return aligned(rows)


def times(results, case, peer):
    samples = results.samples.get((case, peer))
    if not samples:
        return ("", "", "", "")
    cpu = results.cpu(case, peer)
    return (
        f"{median(cpu):.1f}",
        f"{min(cpu):.1f}..{max(cpu):.1f}",
        f"{median(sample.wall for sample in samples):.1f}",
        f"{results.ratio([case], peer):.2f}",
    )


def counts(results, case, peer):
    instructions = results.count(case, "instructions_per_operation", peer)
    allocations = results.count(case, "allocations_per_operation", peer)
    return (
        "" if instructions is None else f"{instructions:.1f}",
        "" if allocations is None else f"{allocations:.3f}",
    )


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = []
    for row in rows:
        cells = (
            text.ljust(width) if name in LEFT_ALIGNED else text.rjust(width)
            for name, text, width in zip(COLUMNS, row, widths)
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def goals(results):
    lines = []
    for goal in GOALS:
        value = goal.figure(results)
        verdict = "left out" if value is None else "met" if goal.is_met(value) else "NOT MET"
        shown = "-" if value is None else f"{value:.3g}{goal.unit}"
        lines.append(f"  {verdict:9}{shown:>9}  (goal {goal.limit})  {goal.text}")
    return "\n".join(lines)
