"""`ablate(..., text_encoder=True)`: nothing of a word reaches the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import InterventionError, SelectionError, WordNotFoundError
from daam_nb.tracing import ablate, generate, reproduce, trace
from tests import pipelines
from tests.tracing.cases import PROMPT, Case, embedded, sized

CAT = 3
USUAL = Case("usual", pipelines.sd1)
OTHER = Case("other", pipelines.sd1, sized(prompt=PROMPT.replace("cat", "dog")))
PIPES = {"sd1": pipelines.sd1, "sd2": pipelines.sd2, "sdxl": pipelines.sdxl}


def encoded(pipe: Any, text: str, hidden: list[int]) -> torch.Tensor:
    """What the text encoder makes of a prompt, its mask written out here."""
    ids = pipe.tokenizer(
        text, padding="max_length", max_length=pipe.tokenizer.model_max_length, return_tensors="pt"
    ).input_ids
    mask = torch.ones_like(ids)
    mask[0, hidden] = 0
    with torch.no_grad():
        return pipe.text_encoder(ids, attention_mask=mask)[0]


@pytest.mark.parametrize("name", PIPES)
def test_any_other_word_in_its_place_gives_the_same_image(name: str) -> None:
    pipe = PIPES[name]()
    assert np.abs(USUAL.run(pipe) - OTHER.run(pipe)).max() > 1e-3
    with ablate(pipe, words="cat"):
        alone = USUAL.run(pipe)
    with ablate(pipe, words="dog"):
        assert np.abs(OTHER.run(pipe) - alone).max() > 1e-3  # the others repeat it
    hiding = {"text_encoder": True, "renormalize": True}
    with ablate(pipe, words="cat", **hiding):
        without_cat = USUAL.run(pipe)
    with ablate(pipe, words="dog", **hiding):
        without_dog = OTHER.run(pipe)
    assert np.abs(without_cat - without_dog).max() < 1e-5
    assert np.abs(without_cat - alone).max() > 1e-3
    with ablate(pipe, words="cat", text_encoder=True):  # what "cat" drew is lacking
        assert np.abs(USUAL.run(pipe) - without_cat).max() > 1e-3


def test_against_embeddings_made_by_hand(sd1: Any) -> None:
    negative = encoded(sd1, "", [])
    arguments = sized(
        prompt=None, prompt_embeds=encoded(sd1, PROMPT, [CAT]), negative_prompt_embeds=negative
    )
    with ablate(sd1, tokens=CAT):
        expected = Case("by hand", pipelines.sd1, arguments).run(sd1)
    with ablate(sd1, words="cat", text_encoder=True):
        got = USUAL.run(sd1)
    assert np.abs(got - expected).max() < 1e-5


def test_the_negative_prompt_keeps_its_words(sd1: Any) -> None:
    """Of the same text as the prompt, and with the same columns."""
    same = Case("same", pipelines.sd1, sized(negative_prompt=PROMPT))
    arguments = sized(
        prompt=None,
        prompt_embeds=encoded(sd1, PROMPT, [CAT]),
        negative_prompt_embeds=encoded(sd1, PROMPT, []),
    )
    with ablate(sd1, tokens=CAT):
        expected = Case("by hand", pipelines.sd1, arguments).run(sd1)
    with ablate(sd1, words="cat", text_encoder=True):
        assert np.abs(same.run(sd1) - expected).max() < 1e-5


def test_each_image_its_own_tokens(sd1: Any) -> None:
    """Three images of one prompt and one noise: nothing, cat, and cat and red taken away."""
    case = Case(
        "three",
        pipelines.sd1,
        lambda _: sized(
            prompt=[PROMPT] * 3, generator=[torch.Generator().manual_seed(0) for _ in range(3)]
        ),
    )
    chosen = [[], [CAT], [2, CAT]]
    with ablate(sd1, tokens=chosen):
        shown = case.run(sd1)
    with ablate(sd1, tokens=chosen, text_encoder=True):
        hidden = case.run(sd1)
    assert np.abs(shown[0] - USUAL.run(sd1)[0]).max() < 1e-5
    for got, tokens, both in ((shown, chosen[1:], False), (hidden, chosen[1:], True)):
        for place, own in enumerate(tokens, 1):
            with ablate(sd1, tokens=own, text_encoder=both):
                assert np.abs(got[place] - USUAL.run(sd1)[0]).max() < 1e-5
    assert min(np.abs(shown[a] - shown[b]).max() for a, b in ((0, 1), (0, 2), (1, 2))) > 1e-3
    with (
        pytest.raises(SelectionError, match=r"holds 2 lists of key positions.*makes 3 images"),
        ablate(sd1, tokens=[[1], [2]]),
    ):
        case.run(sd1)


def test_it_comes_off_and_composes_with_a_trace(sd1: Any) -> None:
    before = USUAL.run(sd1)
    with ablate(sd1, words="cat", text_encoder=True):
        changed = USUAL.run(sd1)
        with trace(sd1, dtype=torch.float32) as tracer:
            assert np.array_equal(USUAL.run(sd1), changed)
    maps = tracer.recording.attention
    assert all((layer[:, :, CAT] == 0).all() for layer in maps.values())
    assert "hidden in the text encoder" in tracer.recording.facts.batch["interventions"][0]
    assert np.array_equal(USUAL.run(sd1), before)
    assert not sd1.text_encoder._forward_pre_hooks
    with pytest.raises(KeyError), ablate(sd1, words="cat", text_encoder=True):
        raise KeyError
    assert np.array_equal(USUAL.run(sd1), before)
    with ablate(sd1, words="cat", text_encoder=True), ablate(sd1, words="red", text_encoder=True):
        both = USUAL.run(sd1)
    with ablate(sd1, words=["cat", "red"], text_encoder=True):
        assert np.array_equal(USUAL.run(sd1), both)
    run = generate(sd1, PROMPT, seed=0, num_inference_steps=1)
    with ablate(sd1, words="cat", text_encoder=True):
        assert not reproduce(run, sd1).same


@pytest.mark.parametrize("nothing", [{"words": []}, {"words": "cat", "layers": []}])
def test_hiding_nothing_is_bit_identical(sd1: Any, nothing: dict[str, Any]) -> None:
    plain = USUAL.run(sd1)
    with ablate(sd1, text_encoder=True, **nothing):
        assert np.array_equal(USUAL.run(sd1), plain)


def test_what_cannot_be_hidden(sd1: Any) -> None:
    with pytest.raises(SelectionError, match="none was chosen: give words= or tokens="):
        ablate(sd1, heads=0, text_encoder=True)
    embeds = Case("embeds", pipelines.sd1, embedded(PROMPT))
    with (
        pytest.raises(
            InterventionError, match=r"no rows of the prompts' tokens.*text_encoder=True"
        ),
        ablate(sd1, words="cat", text_encoder=True, prompt=PROMPT),
    ):
        embeds.run(sd1)
    with (
        pytest.raises(WordNotFoundError, match="'dog' is not a word"),
        ablate(sd1, words="dog", text_encoder=True),
    ):
        USUAL.run(sd1)
    sdxl = pipelines.sdxl()
    with (
        pytest.raises(InterventionError, match=r"'a red cat and a giraffe' and 'a dog'.*prompt_2"),
        ablate(sdxl, words="cat", text_encoder=True),
    ):
        Case("two", pipelines.sdxl, sized(prompt_2="a dog")).run(sdxl)
