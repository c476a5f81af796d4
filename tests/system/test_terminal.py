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
