"""What an explorer shows, taken away: figures, PNGs, tables, hand-outs; no widget.

May import `daam_nb.show.explorer.model` and the rest of `daam_nb.show`; neither ipywidgets nor
anywidget.
"""
