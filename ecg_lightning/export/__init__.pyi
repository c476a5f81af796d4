from .exporter import export_network as export_network
from .formats import FORMATS as FORMATS
from .metadata import read_metadata as read_metadata
