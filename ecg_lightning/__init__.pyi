from .annotation.annotator import Annotator as Annotator
from .annotation.annotator import annotate as annotate
from .data.datamodule import BeatDataModule as BeatDataModule
from .errors import InputError as InputError
from .models import Conv2d as Conv2d
from .models import DeepConv1d as DeepConv1d
from .models import PatientContext as PatientContext
from .models import TimeDepends as TimeDepends
from .records.formats import read_recording as read_recording
from .records.notes import RecordWarning as RecordWarning
from .records.recording import Recording as Recording
from .records.recordings_folder import find_recordings as find_recordings
from .training.classifier import BeatClassifier as BeatClassifier

__version__: str
