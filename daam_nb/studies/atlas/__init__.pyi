from .measuring import COLUMNS as COLUMNS
from .options import AtlasOptions as AtlasOptions
from .study import Atlas as Atlas
from .table import head_table_of as head_table_of
