# The public names. `__init__.py` reads this file and resolves each name on first use.
from . import errors as errors
from . import menagerie as menagerie
from .maps import HeatMaps as HeatMaps
from .maps import WordHeatMap as WordHeatMap
from .maps import area as area
from .maps import average as average
from .maps import average_heads as average_heads
from .maps import average_words as average_words
from .maps import centre_of_mass as centre_of_mass
from .maps import entropy as entropy
from .maps import heat_maps as heat_maps
from .maps import intersection_over_area as intersection_over_area
from .maps import iod as iod
from .maps import ioh as ioh
from .maps import iou as iou
from .maps import peak as peak
from .maps import soft_iou as soft_iou
from .maps import spill as spill
from .prompt import Prompt as Prompt
from .recording import Layer as Layer
from .recording import Recording as Recording
from .recording import load as load
from .recording import sample as sample
from .show.explorer import explore as explore
from .show.figures import head_sheet as head_sheet
from .show.figures import overlay as overlay
from .show.figures import step_strip as step_strip
from .show.figures import token_bars as token_bars
from .show.figures import words_row as words_row
from .tracing import generate as generate
from .tracing import reproduce as reproduce
from .tracing import trace as trace

__version__: str
