"""The widget: choices as traits, the page's questions answered, its life in a notebook.

May import `daam_nb.show.explorer.model` and `export`, ipywidgets and anywidget.
"""
