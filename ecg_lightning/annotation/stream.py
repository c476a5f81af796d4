"""Beats of a signal that comes in chunks."""

from ecg_lightning.annotation.found_beats import FoundBeats
from ecg_lightning.arrays import AnyFloats


class BeatStream:
    """Takes samples as they come, and returns each beat at most 5 s after it.

    Attributes:
        delay_s: The longest time from a beat to the sample with which it is returned.
    """

    delay_s: float

    def push(self, chunk: AnyFloats) -> FoundBeats:
        """Take the next samples, (T,) or (leads, T), and return the beats that are ready."""
        raise NotImplementedError

    def finish(self) -> FoundBeats:
        """End the stream, and return the beats that are left."""
        raise NotImplementedError
