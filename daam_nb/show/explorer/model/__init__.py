"""What is explored, and every map and number of it: no widget, no page.

A recording with what can be chosen of it (`subject`, `entries`, `syntax`), what was chosen, and
what follows from that: exact maps, previews, tiles, ranked words, and facts for people. May import
the floors below and `daam_nb.language`; neither ipywidgets nor anywidget.
"""
