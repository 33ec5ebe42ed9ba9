"""How the caption parser was made: a grammar of captions with gold trees, and spaCy's trainer.

`lexicon/` lists words by meaning, `lexicon.py` reads and `inflect.py` inflects them; `grammar_*.py`
make sentences with trees out of them, `pseudo.py` words that do not exist; `corpus.py` hands the
sentences to spaCy, `train.py` trains and exports, `score.py` measures.
"""
