from .correlation import correlate as correlate
from .correlation import slide as slide
from .correlation import slide_few as slide_few
from .normalisation import normalise as normalise
from .pools import row_max as row_max
