"""What a terminal shows: the width of its lines, and progress bars."""

import io
import sys

import pytest

from ecg_lightning.system import terminal
from ecg_lightning.system.terminal import progress_bar, width_of_output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestProgressBar:
    def shown(self, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quick_s: float) -> str:
        """What a stream shows of a piece of work that lasts as long as a quick one may."""
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(terminal, "_QUICK_S", quick_s)
        with progress_bar() as show:
            show("[bold]record", 0.5)
        return stream.getvalue()

    def test_is_shown_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = self.shown(monkeypatch, Terminal(), -1.0)
        assert "[bold]record" in shown
        assert "50%" in shown

    def test_is_not_shown_for_quick_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.shown(monkeypatch, Terminal(), 60.0) == ""

    def test_is_not_shown_in_a_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.shown(monkeypatch, io.StringIO(), -1.0) == ""


class Clock:
    """Stands for the module `time`; tests set the time."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


class TestTimeLeft:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Clock:
        clock = Clock()
        monkeypatch.setattr(terminal, "time", clock)
        return clock

    def lines(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch, *steps: tuple[float, float]
    ) -> list[str]:
        """The lines of a log after steps (seconds, share) of work."""
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        with progress_bar(log_every_s=10, program="program") as show:
            for seconds, share in steps:
                clock.now_s = 100 + seconds
                show("3 of 4", share)
        assert isinstance(sys.stderr, io.StringIO)
        return sys.stderr.getvalue().splitlines()

    def test_a_log_has_a_line_now_and_then(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps = [(0, 0.0), (9, 0.09), (10, 0.1), (19, 0.19), (20.5, 0.2)]
        assert self.lines(clock, monkeypatch, *steps) == [
            "program: 3 of 4: 10 %, 1:30 left",
            "program: 3 of 4: 20 %, 1:22 left",
        ]

    def test_what_was_done_before_and_preparations_do_not_count(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.lines(clock, monkeypatch, (5, 0.5), (15, 0.75)) == [
            "program: 3 of 4: 75 %, 10 s left"
        ]

    @pytest.mark.parametrize("share", [0.0, 0.001, 1.0])
    def test_is_not_told_at_the_start_and_at_the_end(
        self, share: float, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (line,) = self.lines(clock, monkeypatch, (0, 0.0), (30, share))
        assert line == f"program: 3 of 4: {int(100 * share)} %"

    def test_a_bar_shows_it(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", Terminal())
        with progress_bar() as show:
            show("record", 0.0)
            clock.now_s += 10
            show("record", 0.25)
        assert isinstance(sys.stderr, Terminal)
        assert "30 s left" in sys.stderr.getvalue()


class TestWidth:
    def test_of_a_file_is_not_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("COLUMNS", raising=False)
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        assert width_of_output() is None

    @pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
    def test_is_that_of_the_variable(
        self, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "57")
        monkeypatch.setattr(sys, "stdout", stream)
        assert width_of_output() == 57
