from .redrawing import difference as difference
from .redrawing import drawn_again as drawn_again
from .strips import strip as strip
