"""What the stages work with, and the rows that they return."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from benchmark_turns import Side, Spread, Workers, in_turns, spread

OURS, KERAS, PLAIN = "ours", "keras", "plain"
BEGIN = {
    OURS: "benchmark_networks:begin",
    KERAS: "benchmark_keras:begin",
    PLAIN: "benchmark_data:begin",
}


@dataclass(frozen=True)
class Goal:
    """What a row must reach.

    Attributes:
        limit: The number.
        kind: `times`: their time over ours, at least. `share`: ours over theirs, at most.
            `seconds`: ours, at most.
        aim: A limit that would be even better.
    """

    limit: float
    kind: Literal["times", "share", "seconds"] = "times"
    aim: float | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        stage: Which stage it belongs to.
        what: Network, batch size and the like.
        ours: Our program's name.
        theirs: The other program's name; None if there is none.
        unit: What is counted: beat, record, batch.
        seconds: Time per unit, by program and round.
        goal: None for a row without a goal.
        flops: Per unit, counted as `direct_flops` does; None where it has no meaning.
        float_type: Which peak ours is compared with; theirs is float32.
    """

    stage: str
    what: str
    ours: str
    theirs: str | None
    unit: str
    seconds: Mapping[str, list[float]]
    goal: Goal | None = None
    flops: float | None = None
    float_type: str = "float32"

    @property
    def ratio(self) -> Spread | None:
        """Their time over ours (for a share: ours over theirs), by round; None without theirs."""
        if self.theirs is None:
            return None
        pairs = zip(self.seconds[self.ours], self.seconds[self.theirs], strict=True)
        share = self.goal is not None and self.goal.kind == "share"
        return spread([ours / theirs if share else theirs / ours for ours, theirs in pairs])

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None if there is nothing to compare."""
        if self.goal is None:
            return None
        if self.goal.kind == "seconds":
            return spread(self.seconds[self.ours]).median <= self.goal.limit
        if self.ratio is None:
            return None
        return (
            self.ratio.median <= self.goal.limit
            if self.goal.kind == "share"
            else self.ratio.median >= self.goal.limit
        )


@dataclass
class Bench:
    """What the stages work with.

    Attributes:
        workers: The processes.
        smoke: Whether all sizes are tiny.
        rounds: How many rounds count.
        mitdb: Folder of the records; None if it is missing.
        folder: Where the stages may write.
        skipped: What was not measured, and why.
        checks: Largest difference between the sides' results, if they compute the same.
    """

    workers: Workers
    smoke: bool
    rounds: int
    mitdb: Path | None
    folder: Path
    skipped: list[str] = field(default_factory=list)
    checks: dict[str, float] = field(default_factory=dict)

    @property
    def data(self) -> dict[str, Any]:
        """Arguments of the data module."""
        return (
            {"source": "mitdb", "root": str(self.mitdb)} if self.mitdb else {"source": "synthetic"}
        )

    def has(self, what: str, *modules: str) -> bool:
        """Return whether the modules are installed; note it if they are not."""
        missing = [name for name in modules if find_spec(name) is None]
        if missing:
            self.skipped.append(f"{what}: without {missing[0]}, which is not installed")
        return not missing

    def measure(self, sides: list[Side], rounds: int | None = None) -> dict[str, list[float]]:
        """Return the seconds per unit of each side, and print their medians as they come."""
        if self.smoke:
            seconds = in_turns(self.workers, sides, rounds=2, round_s=0)
        else:
            seconds = in_turns(self.workers, sides, min(rounds or self.rounds, self.rounds))
        for side in sides:
            settings = ", ".join(str(value) for value in side.arguments.values())
            line = f"  {side.name} ({settings}): {spread(seconds[side.name]).median:.3g} s"
            print(line, file=sys.stderr, flush=True)
        return seconds
