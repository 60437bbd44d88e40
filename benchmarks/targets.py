"""What the tables of `speed.py` are to show."""

from typing import Any, Dict, List, NamedTuple

from contestants import AUTO, FAST, FLOAT32, IN_TWO_PRECISIONS, OURS, in_precision

Row = Dict[str, Any]
Tables = Dict[str, List[Row]]


class Target(NamedTuple):
    """What one cell of a table has to be, and what it should be."""

    table: str
    pipeline: str
    column: str
    at_least: float
    aim: float

    def is_met(self, measured: object, value: float) -> bool:
        """Whether what was measured is as good as a value."""
        if not isinstance(measured, (int, float)):
            return False
        # Which of the two is more tells whether more is better.
        is_more_better = self.aim >= self.at_least
        return measured >= value if is_more_better else measured <= value


PLAIN = in_precision(OURS, FLOAT32)
FASTER, FASTEST = in_precision(OURS, AUTO), in_precision(FAST, AUTO)
TARGETS = [
    Target("speed", PLAIN, "words/s x tagger", 2.0, 4.0),
    Target("speed", FASTER, "words/s x tagger", 3.0, 6.0),
    Target("speed", FASTEST, "words/s x tagger", 5.0, 10.0),
    Target("speed", FASTEST, "dev (%)", 94.3, 94.3),
    Target("costs", PLAIN, "latency / tagger", 1.0, 0.5),
    Target("lengths", PLAIN, "slowest / fastest", 1.5, 1.2),
    Target("processes", PLAIN, "2 processes x tagger", 1.2, 1.5),
    Target("training", OURS, "to tagger's best / tagger", 1.0, 0.5),
    Target("memory", PLAIN, "long Doc (MiB)", 1536.0, 1024.0),
    # What does not grow is within a twentieth when it is measured again.
    Target("memory", PLAIN, "1000 / 32", 1.3, 1.05),
    Target("costs", PLAIN, "load / tagger", 3.0, 1.5),
    *(
        Target("precision", in_precision(name, precision), *limits)
        for name in IN_TWO_PRECISIONS
        for precision in (FLOAT32, "bfloat16", "int8", AUTO)
        for limits in (
            ("same tags (%)", 99.9, 100.0),
            ("lost accuracy (%)", 0.05, 0.0),
        )
    ),
]


def check_targets(tables: Tables) -> List[Row]:
    """A line for each target whose pipeline is there."""
    rows: List[Row] = []
    for target in TARGETS:
        for found in tables[target.table]:
            if found["pipeline"] == target.pipeline:
                rows.append(check(target, found[target.column]))
    return rows


def check(target: Target, measured: object) -> Row:
    reached = "no"
    if measured is None:
        reached = "not measured"
    elif target.is_met(measured, target.aim):
        reached = "yes, the aim too"
    elif target.is_met(measured, target.at_least):
        reached = "yes"
    return {
        "what": f"{target.pipeline}: {target.column}",
        "measured": measured,
        "at least": target.at_least,
        "aim": target.aim,
        "reached": reached,
    }
