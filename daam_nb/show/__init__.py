"""Heat maps -> figures.

figures/   one kind of figure for maps and for studies, drawn alike by matplotlib and plotly
explorer/  the widget
colors, lettering, pixels   the drawing tools of both

May import the floors below: maps, recording, prompt, errors; never
tracing, menagerie or studies. Matplotlib and plotly are imported only when something is drawn.
"""
