"""Draws results/latest.json as SVG pictures beside it: cost against size, and lateness, one line or bar for each peer.

Run by the interpreter of the virtual environment, which has matplotlib.
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator

NAMES = {
    "reactor": "swift-reactor", "libev": "libev", "libuv": "libuv", "libevent": "libevent", "nio": "SwiftNIO",
    "dispatch": "Dispatch", "asyncio": "asyncio", "uvloop": "uvloop", "twisted": "Twisted",
}
COLOURS = dict(zip(NAMES, ("#d1242f", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#7f7f7f", "#17becf", "#bcbd22")))
MARKERS = dict(zip(NAMES, "os^Dvp<>X"))


def main():
    folder = Path(sys.argv[1])
    results = json.loads((folder / "latest.json").read_text())["results"]
    plt.rcParams.update({"font.size": 10, "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False})
    against_size(folder / "timers-add.svg", results, "timers_add", "Adding a timer", "timers pending at the end")
    against_size(folder / "timers-fire.svg", results, "timers_fire", "Firing a timer", "timers that are due")
    against_size(folder / "ring.svg", results, "ring", "A token through a ring of pipes, 100 active", "pipes", active=100)
    bars(folder / "lateness.svg", results, "timer_precision", 2_000, "Lateness of 2,000 timers spread over 0.2 s")
    bars(folder / "wakeup.svg", results, "wakeup", 1, "From a call of another thread to its callback")


def against_size(path, results, benchmark, title, sizes, active=1):
    """CPU time for one operation; the bars are the lowest and the highest round."""
    chosen = [entry for entry in results if (entry["benchmark"], entry["metric"]) == (benchmark, "cpu")]
    figure, axes = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
    for peer in NAMES:
        line = sorted((e for e in chosen if e["peer"] == peer and e["active"] == active), key=lambda e: e["size"])
        if not line:
            continue
        medians = [entry["median"] for entry in line]
        spread = [
            [entry["median"] - entry["low"] for entry in line], [entry["high"] - entry["median"] for entry in line],
        ]
        ours = peer == "reactor"
        axes.errorbar(
            [entry["size"] for entry in line], medians, yerr=spread, label=NAMES[peer], color=COLOURS[peer],
            marker=MARKERS[peer], markersize=5, linewidth=3 if ours else 1.3, zorder=3 if ours else 2,
            elinewidth=0.8, capsize=2,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(sizes)
    axes.set_ylabel("CPU time for one")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.grid(True, which="major", color="#dddddd")
    axes.set_title(title, loc="left")
    figure.legend(loc="outside right center", frameon=False)
    save(figure, path)


def bars(path, results, benchmark, size, title):
    """The median, and as a thin line the 99th percentile."""
    chosen = {
        (entry["peer"], entry["metric"]): entry["median"]
        for entry in results if (entry["benchmark"], entry["size"]) == (benchmark, size)
    }
    peers = [peer for peer in NAMES if (peer, "latency_p50") in chosen][::-1]
    if not peers:
        return
    figure, axes = plt.subplots(figsize=(7.5, 0.6 + 0.38 * len(peers)), layout="constrained")
    half = [chosen[peer, "latency_p50"] for peer in peers]
    most = [chosen[peer, "latency_p99"] for peer in peers]
    axes.barh(peers, half, color=[COLOURS[peer] for peer in peers], height=0.6)
    axes.hlines(peers, half, most, color="#555555", linewidth=1)
    axes.scatter(most, peers, marker="|", color="#555555")
    for number, value in enumerate(half):
        beyond = max(most[number], value)
        axes.annotate(duration(value), (beyond, number), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(peers)), [NAMES[peer] for peer in peers])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.margins(x=0.12)
    axes.set_title(f"{title}: median (bar, figure) and p99 (line)", loc="left", fontsize=10)
    axes.grid(True, axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    save(figure, path)


def duration(nanoseconds):
    for limit, divisor, unit in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (float("inf"), 1e6, "ms")):
        if abs(nanoseconds) < limit:
            return f"{nanoseconds / divisor:.3g} {unit}"


def save(figure, path):
    figure.savefig(path)
    plt.close(figure)
    print(path.name)


if __name__ == "__main__":
    main()
