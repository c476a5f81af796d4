"""The page of annotations: its numbers are those of the beats, and only strips are kept of it."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ecg_lightning.annotation.output.own_files import GENERATOR
from ecg_lightning.annotation.output.page_of import page_of, summary_of
from ecg_lightning.annotation.output.quiet import LOUD_SHARE
from ecg_lightning.classes import AAMI
from ecg_lightning.records.formats import read_recording
from ecg_lightning.report.recording_summary import SignalShares
from ecg_lightning.signals.lead_quality import LeadQuality
from tests.helpers.annotated import annotations_of, beats_of
from tests.helpers.annotated_text import FS_HZ, annotations_of_text
from tests.helpers.html_reader import Reader
from tests.helpers.recordings import ArraySamples, recording_of


class TestSummary:
    def test_groups_by_hand(self) -> None:
        summary = summary_of(annotations_of_text("NVNVVNVVVVNNNSSSNVNVNVN"))
        v, s = summary.ectopy["V"], summary.ectopy["S"]
        assert (v.n_beats, v.single, v.couplets, v.runs) == (10, 4, 1, 1)
        assert v.longest == v.fastest
        assert v.longest == pytest.approx((4, 5.6, 2.4, 75.0))
        assert (v.bigeminy, v.trigeminy) == ((1, 3), (0, 0))
        assert (s.n_beats, s.single, s.couplets, s.runs) == (3, 0, 0, 1)
        assert summary.counts == {"N": 10, "S": 3, "V": 10, "F": 0, "Q": 0}
        assert summary.burden("V") == 10 / 23

    def test_a_burden_is_that_of_the_beats_with_a_signal(self) -> None:
        annotations = annotations_of_text("QQQNVQ")
        probabilities = annotations.beats.probabilities.copy()
        probabilities[:3] = [0, 0, 0, 0, 1]
        beats = replace(annotations.beats, probabilities=probabilities)
        assert summary_of(replace(annotations, beats=beats)).burden("V") == 1 / 3
        probabilities[:] = [0, 0, 0, 0, 1]
        assert summary_of(replace(annotations, beats=beats)).burden("V") is None

    def test_the_fastest_run_need_not_be_the_longest(self) -> None:
        annotations = annotations_of_text("NVVVVNVVVN")
        samples = annotations.samples.copy()
        samples[7:9] = samples[6] + [40, 80]
        beats = replace(annotations.beats, samples=samples)
        v = summary_of(replace(annotations, beats=beats)).ectopy["V"]
        assert v.longest == pytest.approx((4, 1.6, 2.4, 75.0))
        assert v.fastest == pytest.approx((3, 5.6, 0.8, 150.0))

    def test_pauses_and_rates_do_not_cross_an_unusable_stretch(self) -> None:
        text = "N" * 10 + "     " + "N" * 10
        pause = summary_of(annotations_of_text(text, 0.8))
        assert pause.n_pauses == 1
        assert list(pause.pauses[0][:2]) == pytest.approx([8.0, 4.8])
        assert [round(one.rr_s, 3) for one in pause.pauses] == [4.8, 0.8, 0.8, 0.8, 0.8]
        gap = summary_of(annotations_of_text(text, 0.8, ((8.5, 12.5),)))
        assert gap.n_pauses == 0
        assert gap.mean_rate_bpm == pytest.approx(75.0)
        assert gap.unusable_share == pytest.approx(4.0 / 20.8)

    def test_a_pause_with_a_missed_beat_is_not_quiet(self) -> None:
        missed = annotations_of_text("NNN NN   NN")
        source = missed.recording.source
        assert isinstance(source, ArraySamples)
        source.signals[0][320] = 1.0  # a beat that nobody found
        long, short = summary_of(missed).pauses[:2]
        assert [long.rr_s, short.rr_s] == pytest.approx([3.2, 1.6])
        assert [long.is_quiet, short.is_quiet] == [True, None]  # the second is no pause
        slow = replace(missed, beats=beats_of([80, 240, 560, 720], "NNNN"))
        assert [pause.is_quiet for pause in summary_of(slow).pauses] == [False, None, None]

    def test_shares_are_those_of_the_classified_lead(self) -> None:
        annotations = annotations_of_text("N" * 20, 1.0)
        source = annotations.recording.source
        assert isinstance(source, ArraySamples)
        signal = source.signals[0]
        signal[:] = np.random.default_rng(0).normal(size=len(signal))
        signal[210:420] = np.nan
        signal[500:605] = 0.25
        shares = summary_of(annotations).shares
        assert shares == SignalShares(invalid=0.1, flat=0.05, clipped=0.0)

    def test_shares_that_are_known_are_not_measured_again(self) -> None:
        annotations = annotations_of_text("N" * 20, 1.0)
        quality = LeadQuality(100, 20, 5, 1)
        shares = summary_of(replace(annotations, lead_quality=quality)).shares
        assert shares == SignalShares(invalid=0.2, flat=0.05, clipped=0.01)

    def test_without_the_signal_nothing_is_read(self) -> None:
        annotations = annotations_of_text("NNVVVNN")
        assert isinstance(annotations.recording.source, ArraySamples)
        summary = summary_of(annotations, with_signal=False)
        assert (summary.strips, summary.shares) == ((), None)
        assert annotations.recording.source.reads == []
        assert summary.ectopy["V"].runs == 1

    def test_a_long_recording_is_read_in_pieces_and_strips(self) -> None:
        annotations = annotations_of_text("N" * 3_000 + "VVV" + "N" * 3_000, 4.0)
        source = annotations.recording.source
        assert isinstance(source, ArraySamples)
        summary = summary_of(annotations)
        longest = max(stop - start for start, stop, _ in source.reads)
        assert longest <= 1 << 20 < summary.n_samples
        strips = [read for read in source.reads if read[1] - read[0] == 801]
        assert len(strips) == len(summary.strips)
        for strip, (start, stop, leads) in zip(summary.strips, strips, strict=True):
            assert leads == (0,)
            assert strip.start_s == start / FS_HZ
            np.testing.assert_array_equal(strip.signal, source.signals[0][start:stop])
            for time_s in strip.beat_times_s:  # each beat has its wave
                assert strip.signal[round((time_s - strip.start_s) * FS_HZ)] == 1

    def test_a_strip_tells_where_its_lead_has_no_signal(self) -> None:
        """An unusable stretch, and one where only the classified lead is flat."""
        annotations = annotations_of_text("N" * 10 + " " * 10, 0.8, ((8.5, 30.0),))
        source = annotations.recording.source
        assert isinstance(source, ArraySamples)
        signal = source.signals[0]
        signal[:] = np.random.default_rng(0).normal(size=len(signal))
        signal[200:260] = signal[860:] = -32.0
        strips = {strip.titles[0]: strip for strip in summary_of(annotations).strips}
        last_s = strips["longest unusable stretch"].start_s + 8.01
        stretches_s = strips["longest unusable stretch"].without_signal_s
        assert np.array(stretches_s) == pytest.approx(np.array([(8.6, last_s), (8.5, 30.0)]))
        first = next(strip for strip in strips.values() if strip.start_s < 1)
        assert first.without_signal_s[0] == pytest.approx((2.0, 2.6))

    def test_no_beats_and_a_recording_without_samples(self) -> None:
        empty = recording_of([("II", "mV", 250.0, np.zeros(0))])
        for recording in (empty, read_recording(np.zeros(500), fs_hz=250)):
            nothing = annotations_of(beats_of([], ""), recording)
            summary = summary_of(nothing)
            assert (summary.unusable_share, summary.pauses, summary.strips) == (0.0, (), ())
            assert "no RR intervals" in Reader(page_of(nothing)).text


class TestPage:
    def test_it_says_what_was_read_and_with_what(self) -> None:
        annotations = annotations_of_text("NNVVVNN", start_time=datetime(2026, 11, 26, 9, 0, 10))
        text = Reader(page_of(annotations)).text
        for fact in (
            "Start 2026-11-26 09:00:10",
            "Length 6.4 s",
            "Leads II (100 Hz, mV), V1 (100 Hz, mV)",
            "Classified lead II, 100 Hz",
            "Positions of the beats found in II",
            "Classifier DeepConv1d",
            "V beats, % 42.9",
            "Runs of three or more 1 0",
            "Longest run 3 beats, 75 bpm, 1.6 s, at 09:00:12",
        ):
            assert fact in text
        assert text.count("not a medical device") + text.count("Not a medical device") == 2

    def test_stated_positions_are_named(self) -> None:
        annotations = replace(annotations_of_text("NNN"), detection_leads=(), detector="atr")
        text = Reader(page_of(annotations)).text
        assert "Positions of the beats stated Annotator of the positions atr" in text

    def test_stated_beats_in_an_unusable_stretch_are_not_denied(self) -> None:
        detected = annotations_of_text("NNN", 0.8, ((1.0, 2.0),))
        stated = replace(detected, detection_leads=(), detector="atr")
        told = "No beat is reported there", "Stated beats there are kept"
        for annotations, expected in ((detected, [True, False]), (stated, [False, True])):
            text = Reader(page_of(annotations)).text
            assert [words in text for words in told] == expected

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "There is no heart rate: no three beats follow each other."),
            ("N", "There is no heart rate: no three beats follow each other."),
            ("NNN", "Each dot is a beat"),
            ("N" * 500, "The line is the median heart rate of each"),
        ],
    )
    def test_the_caption_of_the_overview_tells_what_is_drawn(self, text: str, words: str) -> None:
        captions = ("There is no heart rate", "Each dot is a beat", "The line is the median")
        page = Reader(page_of(annotations_of_text(text or " "))).text
        assert words in page
        assert sum(caption in page for caption in captions) == 1

    def test_it_says_when_a_pause_is_quiet(self) -> None:
        text = Reader(page_of(annotations_of_text("NNN"))).text
        assert f"below {100 * LOUD_SHARE:.0f} % of the range of the beats" in text

    def test_it_is_recognized_as_a_page_of_this_program(self) -> None:
        assert GENERATOR in page_of(annotations_of_text("NN"))[:1024].encode()

    def test_long_times_without_a_beat_are_told(self) -> None:
        text = "N" * 10 + " " * 20 + "N" * 10
        assert "1 RR interval of more than 10 s" in Reader(page_of(annotations_of_text(text))).text
        gap = annotations_of_text(text, 0.8, ((8.1, 24.5),))
        assert "of more than 10 s" not in Reader(page_of(gap)).text

    def test_a_day_is_small(self) -> None:
        random = np.random.default_rng(0)
        text = "".join(random.choice(list("NNNNNNVSFQ"), 100_000))
        stretches = tuple((start, start + 2.0) for start in np.arange(1_000) * 86.0 + 0.1)
        page = page_of(annotations_of_text(text, 0.86, stretches))
        assert len(page.encode()) < 1_000_000


def test_runs_of_a_real_record(mitdb: Path) -> None:
    """WFDB's annotations of record 207, whose flutter has no beats, and a plain count."""
    recording = read_recording(mitdb / "207")
    marks = recording.annotations
    assert marks is not None
    labels = AAMI.labels(marks.symbols)
    names = "".join("NSVFQ"[label] for label in labels[labels >= 0].tolist())
    annotations = annotations_of(beats_of(marks.samples[labels >= 0], names), recording)
    summary = summary_of(annotations, with_signal=False)
    for name in "VS":
        others = str.maketrans(dict.fromkeys("NSVFQ".replace(name, ""), " "))
        groups = [len(group) for group in names.translate(others).split()]
        part = summary.ectopy[name]
        assert part.n_beats == sum(groups)
        assert (part.single, part.couplets) == (groups.count(1), groups.count(2))
        assert part.runs == sum(group >= 3 for group in groups)
        assert part.longest is not None
        assert part.longest.n_beats == max(groups)
    assert summary.pauses[0].rr_s == pytest.approx(100.0, abs=0.1)
