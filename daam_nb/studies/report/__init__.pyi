from .figures import bars as bars
from .figures import chart_figure as chart_figure
from .figures import curves as curves
from .page import Report as Report
from .readable import headed as headed
from .readable import in_cells as in_cells
