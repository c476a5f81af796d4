from .beats import beats_figure as beats_figure
from .classes import classes_figure as classes_figure
from .confusion import confusion_matrix_figure as confusion_matrix_figure
from .curves import curves_figure as curves_figure
from .strip import strip_figure as strip_figure
from .style import FigureFormat as FigureFormat
from .style import figure_bytes as figure_bytes
from .style import png_bytes as png_bytes
