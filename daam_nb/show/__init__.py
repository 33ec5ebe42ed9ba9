"""Heat maps -> figures.

One plain description of each figure (`description.py`), made by `figures.py`, placed by
`layout.py`, and drawn alike by matplotlib (files, print, the command line) and by plotly
(notebooks, web pages). May import the floors below: maps, recording, prompt, errors; never
tracing, menagerie or studies. Matplotlib and plotly are imported only when something is drawn.
"""
