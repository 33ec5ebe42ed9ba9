"""How the menagerie was made: scenes, tokenizer, VAE, diffusion model, judge, export.

`python -m training all` goes from nothing to the shipped files; see `python -m training --help`.
Next to the package, not in the wheel.
"""
