"""What a person reads: the table on the terminal, and those in the documents, between their markers."""

import re

from .goals import GOALS
from .peers import HOUSE
from .plan import CHURNED, MILLION, OURS, PEERS, RAW, Subject

ROOT = HOUSE.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "Docs" / "Performance.md"]

# What counts, where it is not the CPU time alone; the first is what peers are compared by.
METRICS = {
    "timer_precision": ["latency_p50", "latency_min", "latency_p99", "latency_max", "cpu"],
    "wakeup": ["latency_p50", "latency_p99", "latency_max", "cpu"],
    "ping_pong": ["cpu", "wall", "latency_p50", "latency_p99"],
    "async_pummel": ["cpu", "wall"],
    "many_reactors": ["wall", "cpu"],
    "spawn": ["wall", "cpu"],
    "start": ["wall", "cpu"],
    "idle": ["system_calls", "cpu"],
    "footprint_timers": ["memory"],
    "footprint_watchers": ["memory"],
    "build": ["build", "stripped", "libraries"],
}
COUNTED = ["instructions", "allocations"]

# The rows of the README's table, and what they are about.
HIGHLIGHTS = [
    ("add one to 1,000,000 timers", Subject("timers_add", MILLION)),
    ("fire one of 1,000,000 timers", Subject("timers_fire", MILLION)),
    ("cancel one of 100,000 and add another", Subject("timer_churn", CHURNED)),
    ("the same, with delays that count from the call", Subject("timer_churn_exact", CHURNED)),
    ("push back one of 100,000 idle timeouts", Subject("timer_again", CHURNED)),
    ("lateness of a timer, p50 (2,000 in 0.2 s)", Subject("timer_precision", 2_000)),
    ("a token through 1,000 pipes, 100 active", Subject("ring", 1_000, 100)),
    ("a token through 9,500 pipes, 100 active", Subject("ring", 9_500, 100)),
    ("a token through 15,000 eventfds, 100 active", Subject("ring_eventfds", 15_000, 100)),
    ("a call from another thread", Subject("async_pummel", 1)),
    ("from a call to its callback, asleep, p50", Subject("wakeup", 1)),
    ("an echo on loopback, 100 connections", Subject("ping_pong", 100)),
    ("memory of a pending timer", Subject("footprint_timers", 100_000)),
    ("process start to first callback", Subject("start", 1)),
    ("clean release build of a minimal program", Subject("build", 1)),
]


def metrics(subject):
    return METRICS.get(subject.benchmark, ["cpu"])


def amount(value, unit):
    """A value as a person would write it."""
    if unit == "ns":
        for limit, divisor, name in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"), (float("inf"), 1e9, "s")):
            if abs(value) < limit:
                return f"{short(value / divisor)} {name}"
    if unit == "bytes":
        return f"{value / 1e6:.1f} MB" if value >= 1e6 else f"{value:.0f} B"
    return f"{short(value)} {unit}" if unit != "1" else short(value)


def short(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def times(ratio):
    return "" if ratio is None else f"{ratio:.0f}x" if ratio >= 20 else f"{ratio:.1f}x" if ratio >= 2 else f"{ratio:.2f}x"


# MARK: On the terminal


def table(figures):
    """Everything that was measured."""
    rows = [("benchmark", "size", "metric", "peer", "median", "lowest..highest", "x ours")]
    for subject in figures.subjects():
        for metric in [*metrics(subject), *COUNTED]:
            for peer in PEERS:
                entry = figures.get(subject, metric, peer)
                if entry:
                    rows.append((subject.benchmark, subject.scale, metric, peer, *cells(entry)))
    return aligned(without_repetition(rows))


def cells(entry):
    of_unit = lambda value: amount(value, entry["unit"])
    spread = f"{of_unit(entry['low'])}..{of_unit(entry['high'])}" if entry["rounds"] > 1 else ""
    return of_unit(entry["median"]), spread, times(entry["ratio_to_ours"])


def without_repetition(rows):
    """What stands in the row above is not said again."""
    for number in range(len(rows) - 1, 0, -1):
        above, row = rows[number - 1], rows[number]
        same = next(column for column in range(len(row)) if row[column] != above[column])
        rows[number] = ("",) * min(same, 3) + row[min(same, 3):]
    return rows


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = (0, 2, 3)
    line = lambda row: "  ".join(
        text.ljust(width) if column in left else text.rjust(width)
        for column, (text, width) in enumerate(zip(row, widths))
    )
    return "\n".join(line(row).rstrip() for row in rows)


def goals(figures):
    rows = [(goal, goal.figure(figures)) for goal in GOALS]
    return "\n".join(
        f"  {goal.verdict(value):13}{goal.shown(value):>11}  (goal {goal.limit})  {goal.text}" for goal, value in rows
    )


def omissions(figures):
    """One line for each peer and reason."""
    grouped = {}
    for entry in figures.left_out:
        what = entry["benchmark"] if entry["benchmark"] == "all" else f"{entry['benchmark']} {entry['size']}"
        grouped.setdefault((entry["peer"], entry["reason"]), []).append(what)
    lines = []
    for (peer, reason), what in grouped.items():
        where = "" if what == ["all"] else f" in {', '.join(what)}"
        lines.append(f"Left out: {peer}{where}: {reason}")
    return "\n".join(lines)


# MARK: In the documents


def markdown(header, rows):
    lines = ["| " + " | ".join(row) + " |" for row in [header, *rows]]
    lines.insert(1, "| --- |" + " ---: |" * (len(header) - 1))
    return "\n".join(lines)


def highlights(figures):
    """What ours takes, and the multiples of it that the peers take."""
    present = [peer for peer in PEERS if any(peer in figures.peers(subject) for _, subject in HIGHLIGHTS)]
    header = ["", "ours", *present[1:]]
    rows = []
    for text, subject in HIGHLIGHTS:
        metric = metrics(subject)[0]
        ours = figures.get(subject, metric)
        if ours:
            ratios = [times(figures.ratio(subject, metric, peer)) for peer in present[1:]]
            rows.append([text, amount(ours["median"], ours["unit"]), *ratios])
    return markdown(header, rows) + "\n\n" + circumstances(figures)


def everything(figures):
    """Medians of all, in their units."""
    rows = []
    for subject in figures.subjects():
        for metric in metrics(subject):
            entries = [figures.get(subject, metric, peer) for peer in PEERS]
            if any(entries):
                shown = [amount(entry["median"], entry["unit"]) if entry else "" for entry in entries]
                rows.append([f"`{subject.benchmark}` {subject.scale}, {metric}", *shown])
    return markdown(["", *("ours" if peer == OURS else peer for peer in PEERS)], rows) + "\n\n" + circumstances(figures)


def counts(figures):
    rows = []
    for subject in figures.subjects():
        values = [figures.get(subject, metric, peer) for metric in COUNTED for peer in (OURS, RAW)]
        if any(values):
            shown = [f"{entry['median']:.{digits}f}" if entry else "" for entry, digits in zip(values, (0, 0, 3, 3))]
            rows.append([f"`{subject.benchmark}` {subject.scale}", *shown])
    header = ["", "instructions, ours", "libev", "allocations, ours", "libev"]
    return markdown(header, rows)


def goal_table(figures):
    rows = [(goal, goal.figure(figures)) for goal in GOALS]
    return markdown(
        ["", "goal", "measured", ""],
        [[goal.text, goal.limit, goal.shown(value), goal.verdict(value)] for goal, value in rows],
    )


def circumstances(figures):
    conditions = figures.conditions
    machine = conditions["machine"]
    return (
        f"Commit {conditions['commit']}, {conditions['date'][:10]}, {conditions['rounds']} rounds; "
        f"{machine['processor']}, {machine['cores']} cores, load {conditions['load_average']:.1f} at the start; "
        f"{conditions['system']}; {conditions['swift'].split(' (')[0]}; "
        + ", ".join(f"{name} {version}" for name, version in conditions["peers"].items() if name != OURS)
        + "."
    )


def profiles(profile):
    return of_operations("instructions", profile["instructions"], lambda value: f"{value:.0f}" if value >= 0.5 else "")


def system_calls(profile):
    return of_operations("calls", profile["system_calls"], lambda value: f"{value:.2f}" if value >= 0.005 else "")


def of_operations(what, operations, shown):
    """A column for each operation, a row for each part of it, the largest first."""
    total = {part: sum(of.get(part, 0) for of in operations.values()) for of in operations.values() for part in of}
    row = lambda name, of_part: [name, *(shown(of_part(of)) for of in operations.values())]
    rows = [row(part, lambda of: of.get(part, 0)) for part in sorted(total, key=total.get, reverse=True)]
    rows.append(row("all", lambda of: sum(of.values())))
    return markdown([what, *operations], [row for row in rows if any(row[1:])])


BLOCKS = {"highlights": highlights, "everything": everything, "counts": counts, "goals": goal_table}


def write_documents(figures, profile):
    """Replaces what stands between the markers <!-- bench:NAME --> and <!-- bench:end -->."""
    blocks = {name: lambda block=block: block(figures) for name, block in BLOCKS.items()}
    blocks["profile"] = lambda: f"{profiles(profile)}\n\nCommit {profile['commit']}."
    blocks["system_calls"] = lambda: f"{system_calls(profile)}\n\nCommit {profile['commit']}."
    for document in DOCUMENTS:
        old = document.read_text()
        new = re.sub(
            r"(<!-- bench:(\w+) -->\n).*?(<!-- bench:end -->)",
            lambda found: f"{found[1]}\n{blocks[found[2]]()}\n\n{found[3]}",
            old,
            flags=re.DOTALL,
        )
        document.write_text(new)
        yield document
