"""Votes for concepts, against attention computed from the layer's own weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.studies.atlas.ablating import head_causes
from daam_nb.studies.atlas.relevance import (
    ConceptWords,
    Queries,
    attended_concepts,
    check_relevance,
    drawn_words,
    encoded,
    queries_of,
)
from daam_nb.tracing import generate
from tests import joint_pipelines, pipelines
from tests.studies.toy import SIZE

CONCEPTS = {"pet": ("cat", "dog"), "color": ("red", "blue"), "place": ("snow", "a big house")}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


@pytest.fixture(scope="module")
def words(pipe: Any) -> ConceptWords:
    return encoded(pipe, CONCEPTS, SIZE)


def test_each_word_is_encoded_by_itself(pipe: Any, words: ConceptWords) -> None:
    for concept, texts in CONCEPTS.items():
        for text, embeddings in zip(texts, words.words[concept], strict=True):
            expected, _ = pipe.encode_prompt(text, "cpu", 1, False)
            ids = pipe.tokenizer(text).input_ids
            assert len(embeddings) == len(ids) - 2  # without start and end of text
            torch.testing.assert_close(embeddings, expected[0, 1 : len(ids) - 1])


def test_votes_by_hand(pipe: Any, words: ConceptWords) -> None:
    run = generate(pipe, "a red cat", seed=1, **SIZE)
    projected: dict[str, Any] = {}
    handles = []
    for layer in run.layers:
        module = pipe.unet.get_submodule(layer.name)
        handles.append(
            module.to_q.register_forward_hook(
                lambda _, __, output, name=layer.name: projected.setdefault(name, []).append(output)
            )
        )
    pipe("a red cat", generator=torch.Generator().manual_seed(1), **SIZE)
    for handle in handles:
        handle.remove()
    causes = head_causes(pipe, run, passes=2, concepts=words, key="k")
    for layer in run.layers:
        module = pipe.unet.get_submodule(layer.name)
        for step in range(2):
            drawn = drawn_words(words, f"k {step} {layer.name}")
            query = projected[layer.name][step][1]  # (n, head and channel) of the prompt's row
            width = query.shape[-1] // layer.heads
            for head in range(layer.heads):
                own = slice(head * width, (head + 1) * width)
                keys = torch.cat([module.to_k(each)[:, own] for each in drawn.values()]).detach()
                attention = (query[:, own] @ keys.T * width**-0.5).softmax(-1).mean(0)
                parts = attention.split([len(each) for each in drawn.values()])
                means = {name: float(p.mean()) for name, p in zip(drawn, parts, strict=True)}
                assert causes.concepts[layer.name, head][step] == max(means, key=means.__getitem__)


def test_one_word_of_each_concept_is_drawn(words: ConceptWords) -> None:
    drawn = [drawn_words(words, f"key {number}") for number in range(40)]
    assert all(list(each) == list(CONCEPTS) for each in drawn)
    for concept in CONCEPTS:
        both = {id(each[concept]) for each in drawn}
        assert both == {id(word) for word in words.words[concept]}
    again = drawn_words(words, "key 3")
    assert all(again[name] is word for name, word in drawn[3].items())


def test_a_concept_of_many_tokens_has_no_head_start() -> None:
    """The mean over its tokens counts: two that are looked at a little lose to one."""
    module = torch.nn.Module()
    module.heads, module.scale = 1, 1.0  # type: ignore[assignment]
    module.to_k = torch.nn.Identity()
    query = torch.tensor([[[1.0, 0.0]]])
    words = {"long": torch.tensor([[0.9, 0.0], [0.9, 0.0]]), "short": torch.tensor([[1.0, 0.0]])}
    assert attended_concepts(module, query, words) == ["short"]


def test_queries_have_heads_in_front() -> None:
    module = torch.nn.Module()
    module.heads = 2  # type: ignore[assignment]
    projected = torch.arange(12.0).view(3, 4)
    assert queries_of(module, projected).tolist() == [
        [[0, 1], [4, 5], [8, 9]], [[2, 3], [6, 7], [10, 11]],
    ]  # fmt: skip


def test_nothing_is_left_on_the_layers(pipe: Any, words: ConceptWords) -> None:
    run = generate(pipe, "a red cat", seed=1, **SIZE)
    modules = {layer.name: pipe.unet.get_submodule(layer.name) for layer in run.layers}
    queries = Queries(modules, words, "k")
    with queries.watched():
        assert all(module.to_q._forward_hooks for module in modules.values())
    assert not any(module.to_q._forward_hooks for module in modules.values())


def test_joint_attention_has_no_keys_of_another_text() -> None:
    with pytest.raises(UnsupportedPipelineError, match="joint attention"):
        check_relevance(joint_pipelines.sd3())
