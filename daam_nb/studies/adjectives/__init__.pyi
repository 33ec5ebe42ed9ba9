from .options import AdjectivesOptions as AdjectivesOptions
from .study import COLUMNS as COLUMNS
from .study import PAPER_TEMPLATES as PAPER_TEMPLATES
from .study import WORLD_TEMPLATES as WORLD_TEMPLATES
from .study import Adjectives as Adjectives
from .study import adjective_pairs as adjective_pairs
from .study import captions as captions
from .study import inside_and_outside as inside_and_outside
