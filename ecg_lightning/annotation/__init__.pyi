from .annotations import Annotations as Annotations
from .annotator import Annotator as Annotator
from .annotator import annotate as annotate
from .found_beats import FoundBeats as FoundBeats
from .stream import BeatStream as BeatStream
