"""Figures of heat maps.

description   the content of a figure, as plain data
layout        the places of panels and their texts
draw_*        matplotlib and plotly, alike
saving        files
overlays, word_rows, sheets, bars, carrying   the public functions

May import the floors below, and of `show` colors, letters and pixels.
"""

from daam_nb.show.figures.bars import token_bars
from daam_nb.show.figures.carrying import carrier_bars
from daam_nb.show.figures.figure import Figure
from daam_nb.show.figures.overlays import overlay
from daam_nb.show.figures.sheets import head_sheet, step_strip
from daam_nb.show.figures.word_rows import words_row

__all__ = [
    "Figure",
    "carrier_bars",
    "head_sheet",
    "overlay",
    "step_strip",
    "token_bars",
    "words_row",
]
