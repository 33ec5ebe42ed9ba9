"""Trees of words while a sentence is being made, and the flat lists that a parser is trained on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tree:
    """One word and what depends on it, in the order of the sentence.

    Attributes
    ----------
    word, tag
        The word as written and its tag of the Penn Treebank.
    left, right
        (relation, tree) of the dependents before and behind the word, each in order: so every
        tree is projective by construction.
    many
        Whether verbs agree with it in the plural.
    kind
        Class of the noun, for what is said of it.
    inner
        In "a group of people" the people, whom a participle behind the phrase describes.
    """

    word: str
    tag: str
    left: list[tuple[str, Tree]] = field(default_factory=list)
    right: list[tuple[str, Tree]] = field(default_factory=list)
    many: bool = False
    kind: str = ""
    inner: Tree | None = None

    def before(self, relation: str, *others: Tree) -> Tree:
        """Add dependents before the word, behind those that stand there already."""
        self.left += [(relation, other) for other in others]
        return self

    def first(self, relation: str, other: Tree) -> Tree:
        """Add a dependent before all others."""
        self.left.insert(0, (relation, other))
        return self

    def behind(self, relation: str, *others: Tree) -> Tree:
        """Add dependents behind everything."""
        self.right += [(relation, other) for other in others]
        return self


@dataclass(frozen=True)
class Sentence:
    """Parallel lists over the words; `heads` are indices, a root is its own."""

    words: list[str]
    tags: list[str]
    heads: list[int]
    deps: list[str]


def flatten(*trees: Tree) -> Sentence:
    """Write trees, one behind the other, as lists."""
    rows: list[tuple[Tree, Tree, str]] = []

    def walk(tree: Tree, above: Tree, relation: str) -> None:
        for name, child in tree.left:
            walk(child, tree, name)
        rows.append((tree, above, relation))
        for name, child in tree.right:
            walk(child, tree, name)

    for tree in trees:
        walk(tree, tree, "ROOT")
    place = {id(tree): index for index, (tree, _, _) in enumerate(rows)}
    if len(place) != len(rows):
        raise AssertionError("one tree occurs more than once in a sentence")
    return Sentence(
        words=[tree.word for tree, _, _ in rows],
        tags=[tree.tag for tree, _, _ in rows],
        heads=[place[id(above)] for _, above, _ in rows],
        deps=[relation for _, _, relation in rows],
    )
