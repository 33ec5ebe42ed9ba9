# The public names. `__init__.py` reads this file and resolves each name on first use.
from . import errors as errors
from . import menagerie as menagerie
from .maps.averaging import average as average
from .maps.averaging import average_heads as average_heads
from .maps.averaging import average_words as average_words
from .maps.heatmap import HeatMaps as HeatMaps
from .maps.heatmap import heat_maps as heat_maps
from .maps.measure import centre_of_mass as centre_of_mass
from .maps.measure import entropy as entropy
from .maps.measure import intersection_over_area as intersection_over_area
from .maps.measure import iod as iod
from .maps.measure import ioh as ioh
from .maps.measure import iou as iou
from .maps.measure import peak as peak
from .maps.measure import soft_iou as soft_iou
from .maps.measure import spill as spill
from .maps.wordmap import WordHeatMap as WordHeatMap
from .prompt import Prompt as Prompt
from .recording import Layer as Layer
from .recording import Recording as Recording
from .recording import load as load
from .show.figures import head_sheet as head_sheet
from .show.figures import overlay as overlay
from .show.figures import step_strip as step_strip
from .show.figures import token_bars as token_bars
from .show.figures import words_row as words_row
from .tracing.making import generate as generate
from .tracing.making import reproduce as reproduce
from .tracing.session import trace as trace

__version__: str
