from .file import KerasArray as KerasArray
from .file import KerasFile as KerasFile
from .file import KerasLayer as KerasLayer
from .file import inspect_keras as inspect_keras
from .file import read_arrays as read_arrays
from .importer import network_from_keras as network_from_keras
from .weights import keras_from_state_dict as keras_from_state_dict
from .weights import state_dict_from_keras as state_dict_from_keras
