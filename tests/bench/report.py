"""What a line of the bench came to: its figures, the table, JSON and a plot.

A line holds pairs: each repetition runs both sides one after the other, and their ratio is taken pair by pair, so that
a machine that becomes slower for a while makes both sides slower. The median is quoted, with the least and the most.
"""
import dataclasses
import html
import json
import statistics


@dataclasses.dataclass
class Goal:
    """The ratio ours / other that is wanted: `at least` or `at most`."""
    bound: str
    ratio: float

    def is_met(self, ratio):
        return ratio >= self.ratio if self.bound == "at least" else ratio <= self.ratio

    def __str__(self):
        return f"{'>=' if self.bound == 'at least' else '<='} {self.ratio:.3g}"


@dataclasses.dataclass
class Line:
    name: str            # Q1, I2, ...
    what: str            # what was asked, in words
    other: str           # the other side
    unit: str            # of the figures
    ours: list           # a figure for each repetition
    others: list
    goal: Goal | None = None
    cost: dict = dataclasses.field(default_factory=dict)  # {"ours service": CPU microseconds a unit, ...}
    memory: dict = dataclasses.field(default_factory=dict)  # {"ours": MiB, ...}
    note: str = ""
    measures: dict = dataclasses.field(default_factory=dict)  # {"WAL bytes/event": ...}: what else was counted

    def __post_init__(self):
        if len(self.ours) != len(self.others) or not self.ours:
            raise ValueError(f"{self.name}: the two sides must have been run equally often")

    @property
    def ratios(self):
        return [a / b for a, b in zip(self.ours, self.others)]

    @property
    def ratio(self):
        return statistics.median(self.ratios)

    @property
    def is_met(self):
        return self.goal is None or self.goal.is_met(self.ratio)

    def as_json(self):
        return {**dataclasses.asdict(self), "goal": str(self.goal) if self.goal else None, "ratio": self.ratio,
                "ratio_min": min(self.ratios), "ratio_max": max(self.ratios), "met": self.is_met}


@dataclasses.dataclass
class Skipped:
    """A line, or another side of one, that could not be run. It stands in the table, so that nobody takes it for met."""
    name: str
    what: str
    reason: str

    def as_json(self):
        return {"name": self.name, "what": self.what, "skipped": self.reason}


def place(line):
    """What tells a line from another. The case that did worst may be another one in the next run."""
    return line.name, line.what.split(", worst of")[0], getattr(line, "other", "")


def from_json(found):
    """A line as its as_json() gave it."""
    if "skipped" in found:
        return Skipped(found["name"], found["what"], found["skipped"])
    bound, ratio = found["goal"].split() if found["goal"] else (None, 0)
    goal = Goal("at least" if bound == ">=" else "at most", float(ratio)) if bound else None
    return Line(**{**{field.name: found[field.name] for field in dataclasses.fields(Line)}, "goal": goal})


def measured(lines):
    return [line for line in lines if isinstance(line, Line)]


def quantity(value):
    """Three significant digits: 12.3k, 0.0412, 87."""
    for factor, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


HEAD = ("line", "what", "unit", "ours", "other side", "other", "ratio", "spread", "goal", "")


def row(line):
    if isinstance(line, Skipped):
        return (line.name, line.what, "", "", "", "", "", "", "", f"SKIPPED: {line.reason}")
    return (line.name, line.what, line.unit, quantity(statistics.median(line.ours)), line.other, quantity(statistics.median(line.others)),
            f"{line.ratio:.2f}", f"{min(line.ratios):.2f}-{max(line.ratios):.2f}", str(line.goal or ""),
            "" if line.goal is None else "met" if line.is_met else "MISSED")


def table(lines):
    rows = [HEAD, *map(row, lines)]
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip() for cells in rows)


def costs(lines):
    """CPU and memory of both sides, a line for each of the bench's lines that has them."""
    found = []
    for line in measured(lines):
        parts = [f"{name} {quantity(value)} us" for name, value in line.cost.items()]
        parts += [f"{name} {quantity(value)} MiB" for name, value in line.memory.items()]
        parts += [f"{quantity(value)} {name}" for name, value in line.measures.items()]
        if parts or line.note:
            found.append(f"{line.name} {line.what} / {line.other}: " + ", ".join(parts + ([line.note] if line.note else [])))
    return "\n".join(found)


def as_json(lines, about):
    return json.dumps({"about": about, "lines": [line.as_json() for line in lines]}, indent=1)


# --- the plot -----------------------------------------------------------------------------------

ROW, WIDTH, TOP = 26, 360, 46
LETTER = 7  # as wide as one is, at most on average
STYLE = ("text{font:13px system-ui,sans-serif;fill:#1b1f24}.dim{fill:#6a737d}.bar{fill:#2f6fde}.less{fill:#c2571a}.goal{stroke:#1b1f24;stroke-width:2}"
         ".spread{stroke:#8b949e;stroke-width:1.5}.one{stroke:#8b949e;stroke-dasharray:3 3}rect.ground{fill:#fff}"
         "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#8b949e}.bar{fill:#6ea8fe}.less{fill:#f0883e}.goal{stroke:#e6edf3}rect.ground{fill:#0d1117}}")


def advantage(line, ratio):
    """How many times better ours is: of times and costs the reciprocal."""
    return ratio if line.unit.endswith("/s") else 1 / ratio


def _left(lines):
    """How much room the names need: what was asked at the left, the other side at the right of it."""
    return max([430, *(LETTER * (len(line.name) + len(line.what) + len(line.other)) + 50 for line in lines)])


def _place(times, most, left):
    """Logarithmic, from 1/10 to the most."""
    import math
    low, high = math.log(0.1), math.log(most)
    return left + WIDTH * (min(max(math.log(times), low), high) - low) / (high - low)


def _bar(line, y, most, left):
    times = advantage(line, line.ratio)
    ends = sorted(_place(advantage(line, ratio), most, left) for ratio in (min(line.ratios), max(line.ratios)))
    one, end = _place(1, most, left), _place(times, most, left)
    parts = [f'<rect class="{"bar" if times >= 1 else "less"}" x="{min(one, end):.1f}" y="{y + 5}" width="{max(abs(end - one), 1):.1f}" height="14" rx="2"/>',
             f'<line class="spread" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y + 12}" y2="{y + 12}"/>']
    if line.goal:
        at = _place(advantage(line, line.goal.ratio), most, left)
        parts.append(f'<line class="goal" x1="{at:.1f}" x2="{at:.1f}" y1="{y + 2}" y2="{y + 22}"/>')
    label = html.escape(f"{line.name}  {line.what}")
    parts.append(f'<text x="8" y="{y + 16}">{label}</text><text class="dim" x="{left - 8}" y="{y + 16}" text-anchor="end">{html.escape(line.other)}</text>')
    parts.append(f'<text x="{left + WIDTH + 8}" y="{y + 16}">{times:.2g}x</text>')
    return "".join(parts)


def plot(lines, title):
    """An SVG: a bar for each line, how many times better ours is; the mark is the goal."""
    lines = measured(lines)
    most = max([10.0, *(advantage(line, line.ratio) * 1.1 for line in lines), *(advantage(line, line.goal.ratio) for line in lines if line.goal)])
    height = TOP + ROW * len(lines) + 14
    left = _left(lines)
    one = _place(1, most, left)
    bars = "\n".join(_bar(line, TOP + ROW * i, most, left) for i, line in enumerate(lines))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + WIDTH + 80}" height="{height}" viewBox="0 0 {left + WIDTH + 80} {height}">'
            f'<style>{STYLE}</style><rect class="ground" width="100%" height="100%"/><text x="8" y="22" style="font-weight:600">{html.escape(title)}</text>'
            f'<text class="dim" x="{one:.1f}" y="{TOP - 6}" text-anchor="middle">equal</text>'
            f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{TOP}" y2="{height - 10}"/>\n{bars}\n</svg>\n')
