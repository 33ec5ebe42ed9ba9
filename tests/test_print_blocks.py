"""What documents show as printed is what their blocks print."""

from __future__ import annotations

import pytest

from scripts.print_blocks import printed

DOCUMENT = """Revision and all: revision 0123456789ab of the model.

```python
x = 2
print("two is", x)
```

```text
two is 7
```

Prose; a block that prints nothing anybody sees:

```python
print("unseen")
y = x + 1
```

<!-- not run: no such function -->
```python
nothing_like_it()
```

```python
print(y)
print("word " * 30)
```

```text
old
older
```

```text
a sketch that no block prints
```
"""


def test_text_blocks_hold_what_the_blocks_before_them_print() -> None:
    made = printed(DOCUMENT, revision="ba9876543210")
    long = "word " * 19 + "word\n" + "word " * 9 + "word\n"
    expected = DOCUMENT.replace("two is 7", "two is 2").replace("old\nolder\n", f"3\n{long}")
    assert made == expected.replace("0123456789ab", "ba9876543210")
    assert printed(made, revision="ba9876543210") == made


def test_a_block_that_fails_is_said() -> None:
    with pytest.raises(ZeroDivisionError):
        printed("```python\n1 / 0\n```\n", revision="0" * 12)
