"""Tables and figures of a study, and the page they are printed on.

page.py           `Report`: the page, its figures, its tables as CSV
figures.py        bars and curves of a table
readable.py       a summary under headings for people
two_intervals.py  of these nouns, and of nouns
csv_cells.py      texts in CSV files that a spreadsheet takes for texts
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
