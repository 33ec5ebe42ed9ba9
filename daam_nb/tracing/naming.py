"""Key columns -> the prompt whose tokens they are, by what the text encoder actually read.

The denoiser's embeddings are decisive, whatever text came with the call: their rows are looked up
in the encoders' outputs while the trace was open (`recognition`). If those were not observed, the
encoder is run on the text again (`asking`). Columns that are still unknown are refused, unless the
user names every column with a `Prompt`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from torch import Tensor, nn

from daam_nb.errors import (
    MissingTextError,
    PromptError,
    ShapeError,
    UnsupportedPipelineError,
    WrongKindError,
)
from daam_nb.prompt import Prompt, Token
from daam_nb.token_ids import as_read, spelled
from daam_nb.tokens import NO_LIMIT
from daam_nb.tracing.asking import ask
from daam_nb.tracing.encodings import EncoderMemory, readings_of
from daam_nb.tracing.models import Adapter, Omission, TextStream
from daam_nb.tracing.recognition import Recognized, recognize
from daam_nb.tracing.templates import templated, untemplated, whole_ids


@dataclass(frozen=True)
class Told:
    """The text of an image's embeddings, as stated by the call or the user.

    Attributes
    ----------
    text
        The text; a `Prompt` if every column is named; None if nothing is stated.
    source
        The argument that states it, for messages: ``"prompt"``, ``"negative_prompt_2"``.
    by_call
        Whether the pipeline itself was given the text and encodes it.
    """

    text: str | Prompt | None
    source: str
    by_call: bool


@dataclass(frozen=True)
class Named:
    """An image's prompt, the token ids its encoder read (None: unknown), and notes about them."""

    prompt: Prompt
    ids: tuple[int, ...] | None
    omissions: tuple[Omission, ...] = ()


class Naming:
    """Names the columns of one text stream in one call.

    Parameters
    ----------
    adapter, stream
        The pipeline's adapter, and the columns to be named.
    memory
        Inputs and outputs of its text encoders.
    verb
        The function that the user called, for messages: ``"trace"``.
    """

    def __init__(
        self, adapter: Adapter, stream: TextStream, memory: EncoderMemory, *, verb: str = "trace"
    ) -> None:
        self.adapter, self.stream, self.memory = adapter, stream, memory
        self._verb = verb
        self._why_not = ""

    def named(self, text: Tensor, told: Told, *, way_out: str = "") -> Named:
        """Find the prompt of an image's text embeddings.

        Parameters
        ----------
        text
            (key, channel): everything that the denoiser is given for one row.
        told
            Their stated text.
        way_out
            Another way out for the message if they are unknown.

        Raises
        ------
        UnsupportedPipelineError
            If the pipeline has no tokenizer for them.
        MissingTextError
            If rows are not the text encoder's output for any known text.
        ShapeError
            If the encoder read something other than stated.
        """
        rows = self.rows(text)
        if isinstance(told.text, Prompt):
            return self._checked(rows, told.text, told)
        self._check_tokenizer()
        if told.text is not None and bool((rows == 0).all()):
            empty = self.tokenized(told.text, len(rows))
            if not empty.words:  # Stable Diffusion XL makes zeros of an empty negative prompt
                return Named(empty, None)
        recognized = self._recognized(rows, told.text)
        ids = recognized.known
        if ids is None:
            raise self._unknown(recognized, told, way_out)
        prompt, omissions = self._spelled(ids, told)
        if not told.by_call:
            omissions += self._beside(text, prompt)
        return Named(prompt, ids, tuple(omissions))

    def rows(self, text: Tensor) -> Tensor:
        """The rows of this stream's columns, from everything that the denoiser is given."""
        return self.stream.rows(text)

    def ids(self, text: Tensor) -> tuple[int, ...] | None:
        """The token ids of another text of the same call; None: unknown."""
        if self.stream.tokenizer is None:
            return None
        return self._recognized(self.rows(text), None).known

    def as_read(self, ids: Sequence[int]) -> Prompt:
        """The prompt that was read, from the columns' token ids alone."""
        tokenizer, template = self.stream.tokenizer, self.stream.template
        if template is not None:
            return untemplated(ids, tokenizer, template)
        return Prompt(*as_read(ids, tokenizer))

    # Recognizing -----------------------------------------------------------------------------

    def _recognized(self, rows: Tensor, text: str | Prompt | None) -> Recognized:
        """Recognize rows by what was observed, else after encoding the empty text and the text."""
        encoder, tokenizer = self.stream.encoder, self.stream.tokenizer
        recognized = self._look_up(rows, encoder, tokenizer)
        size = self._size(len(rows))
        for asked in chain([self._empty(tokenizer, size)], self._readings(text, len(rows))):
            if recognized.whole or encoder is None:
                break
            padding = tokenizer.pad_token_id if self.stream.masked else None
            numbers = self._new(encoder, asked)
            self._why_not = ask(encoder, numbers, self.memory, padding=padding)
            recognized = self._look_up(rows, encoder, tokenizer)
        return recognized

    def _look_up(
        self, rows: Tensor, encoder: nn.Module | None, tokenizer: Any, channel: int = 0
    ) -> Recognized:
        best = Recognized((None,) * len(rows), exact=False)
        encodings = [] if encoder is None else self.memory.of(encoder)
        for exact in (True, False):
            for windows in readings_of(encodings):
                width = windows[0].states.shape[-1]
                part = rows[:, channel : channel + width]
                recognized = recognize(part, windows, _template(tokenizer), exact=exact)
                if recognized.whole:
                    return recognized
                if len(recognized.unknown) < len(best.unknown):
                    best = recognized
        return best

    def _new(self, encoder: nn.Module, texts: Iterator[tuple[int, ...]]) -> list[tuple[int, ...]]:
        asked = {e.ids for e in self.memory.of(encoder) if e.asked}
        return [numbers for numbers in dict.fromkeys(texts) if numbers not in asked]

    def _size(self, columns: int) -> int:
        """Columns of the windows that a text of so many columns is encoded in."""
        limit = int(self.stream.tokenizer.model_max_length)
        return limit if self.stream.windows and limit < NO_LIMIT else columns

    def _empty(self, tokenizer: Any, size: int) -> Iterator[tuple[int, ...]]:
        if self.stream.template is not None:
            yield whole_ids("", tokenizer, self.stream.template)
        else:
            yield tuple(_ids(Prompt.from_tokenizer("", tokenizer, max_length=size)))

    def _readings(
        self, text: str | Prompt | None, columns: int
    ) -> Iterator[Iterator[tuple[int, ...]]]:
        """The windows of all rewritings that a pipeline may make of a text, the likeliest first."""
        if isinstance(text, Prompt):
            yield self._windows(text.text, columns, of=text)
        elif text is not None:
            for converted in self._rewritten(text):
                yield self._windows(converted, columns)

    def _windows(
        self, text: str, columns: int, *, of: Prompt | None = None
    ) -> Iterator[tuple[int, ...]]:
        """The token ids of a plain text, or of a prompt's tokens, window by window."""
        if self.stream.template is not None:
            yield whole_ids(text, self.stream.tokenizer, self.stream.template)
            return
        size = self._size(columns)
        numbers = self._ids_of(text, columns) if of is None else _ids(of)
        if len(numbers) < size and of is None:  # a part of one window is given
            numbers = _ids(Prompt.from_tokenizer(text, self.stream.tokenizer, max_length=size))
        for first in range(0, len(numbers), size):
            yield tuple(numbers[first : first + size])

    # Prompts ---------------------------------------------------------------------------------

    def tokenized(self, text: str, columns: int) -> Prompt:
        """Tokenize the text as diffusers' pipelines do, in as many windows as there are columns.

        Raises
        ------
        PromptError
            If the likeliest rewriting by the pipeline cannot be located in it.
        """
        self._check_tokenizer()
        return self._tokenized(text, columns, converted=self._rewritten(text)[0])

    def _tokenized(self, text: str, columns: int, *, converted: str) -> Prompt:
        tokenizer, template = self.stream.tokenizer, self.stream.template
        if template is not None:
            return templated(text, tokenizer, template, columns=columns, rewritten=converted)
        window = int(tokenizer.model_max_length)
        chunked = self.stream.windows and columns > window and columns % window == 0
        return Prompt.from_tokenizer(
            text,
            tokenizer,
            max_length=columns,
            converted=None if converted == text else converted,
            chunk=window if chunked else None,
        )

    def _offered(self, text: str) -> list[str]:
        """The texts that the pipeline may make from a text by its adapter, the likeliest first."""
        rewrites = self.stream.rewrites
        offered = [] if rewrites is None else rewrites(text)
        texts = [] if isinstance(offered, str) else list(offered)
        if isinstance(offered, str) or not all(isinstance(item, str) for item in texts):
            raise WrongKindError(
                f"`rewrites` of the text stream {self.stream.name!r} returned {offered!r:.80} for "
                f"{text[:80]!r}; it must return a list of texts, such as [{text.lower()[:40]!r}]."
            )
        return texts

    def _rewritten(self, text: str) -> list[str]:
        """The texts that the pipeline may have made before its tokenizer, the likeliest first."""
        likely = self._offered(text)
        if hasattr(self.adapter.pipe, "maybe_convert_prompt"):
            likely.append(self.adapter.pipe.maybe_convert_prompt(text, self.stream.tokenizer))
        simple = (text, text.strip(), text.lower(), text.strip().lower())
        return list(dict.fromkeys([*likely, *simple]))

    def _spelled(self, ids: Sequence[int], told: Told) -> tuple[Prompt, list[Omission]]:
        if told.text is None:
            return self.as_read(ids), []
        text = told.text
        assert isinstance(text, str)
        offered, rewritten = self._offered(text), self._rewritten(text)
        whole = rewritten if self.stream.template is not None else [*offered, rewritten[0]]
        why_not: dict[str, str] = {}
        for converted in dict.fromkeys(whole):
            try:
                usual = self._tokenized(text, len(ids), converted=converted)
            except PromptError as error:  # it does not say which characters became which
                if self._ids_of(converted, len(ids)) == list(ids):
                    why_not[converted] = str(error)
                continue
            if _ids(usual) == list(ids):
                return usual, _unread(usual, converted) if converted in offered else []
        for converted in rewritten if self.stream.template is None else ():
            try:
                prompt = Prompt(
                    *as_read(ids, self.stream.tokenizer, text=text, converted=converted)
                )
            except PromptError:
                continue
            if prompt.text == text:
                return prompt, []
            return prompt, [_left_out(text, prompt.text)]
        read = self.as_read(ids).text
        raise ShapeError(
            f"The text encoder was given other tokens than those of {text!r}: it read "
            f"{read[:200]!r}. {self._why_not_offered(offered, why_not)}"
            + (
                "The pipeline rewrites its prompts or their order, so maps would be labeled with "
                "words that it did not read. Encode the prompt yourself inside the `with` block "
                "and give prompt_embeds: columns are then named by what the encoder read."
                if told.by_call
                else f"Leave {told.source}= out: columns are then named by what it read."
            )
        )

    def _ids_of(self, converted: str, columns: int) -> list[int]:
        """The token ids of a plain text."""
        return _ids(self._tokenized(converted, columns, converted=converted))

    def _why_not_offered(self, offered: Sequence[str], why_not: Mapping[str, str]) -> str:
        """The adapter's `rewrites`, and why none of them fits; empty if it has none."""
        if self.stream.rewrites is None:
            return ""
        other = " (whose tokens are others)"
        ways = [
            f"{converted[:80]!r}" + (f": {why_not[converted]}" if converted in why_not else other)
            for converted in dict.fromkeys(offered)
        ]
        name = f"`rewrites` of the text stream {self.stream.name!r}"
        return f"{name} offered {'; '.join(ways).removesuffix('.') or 'nothing'}. "

    def _checked(self, rows: Tensor, prompt: Prompt, told: Told) -> Named:
        """Check a Prompt given by the user: what is known must not contradict its names."""
        stream = self.stream
        if len(prompt.tokens) != len(rows):
            raise ShapeError(
                f"The given Prompt has {len(prompt.tokens)} tokens, but the embeddings have "
                f"{len(rows)} columns."
            )
        if stream.tokenizer is None:
            return Named(prompt, None, (_unchecked("there is no tokenizer to ask"),))
        recognized = self._recognized(rows, prompt)
        template = _template(stream.tokenizer)
        for token, number in zip(prompt.tokens, recognized.ids, strict=True):
            same = number == token.id or (token.role == "padding" and number in template)
            if number is not None and not same:
                raise ShapeError(
                    f"The given Prompt has {token.piece!r} in column {token.index}, but the text "
                    f"encoder read {spelled([number], stream.tokenizer)!r} there. Leave "
                    f"{told.source}= out where the text was encoded inside the `with` block, or "
                    "make it from the encoder's own token ids: Prompt.from_ids(text, ids, "
                    "tokenizer)."
                )
        if recognized.whole:
            return Named(prompt, recognized.known)
        why = self._why_not or "the embeddings are not, row by row, what the encoder makes from it"
        if stream.encoder is None:
            why = "the pipeline has no text encoder to ask"
        warnings.warn(
            f"The names of the columns of {prompt.text[:80]!r} are your own and could not be "
            f"confirmed in the columns {_listed(recognized.unknown)}: {why}. With other token ids "
            "than the text encoder read, words would be in wrong columns. Encode inside the `with` "
            "block to let the columns be named.",
            stacklevel=2,
        )
        return Named(prompt, None, (_unchecked(f"columns {_listed(recognized.unknown)}: {why}"),))

    def _check_tokenizer(self) -> None:
        if self.stream.tokenizer is None:
            raise UnsupportedPipelineError(
                f"{self.adapter.pipe_name} has no `{self.stream.component}`, so key columns cannot "
                "be named. Load the pipeline with it; it is needed even if prompt_embeds are given."
            )

    def _beside(self, text: Tensor, prompt: Prompt) -> list[Omission]:
        """The text of a second encoder in the same columns, if it differs."""
        stream = self.stream
        if stream.beside is None or stream.encoder is None:
            return []
        encoder, tokenizer = stream.beside
        channel = max((e.last.shape[-1] for e in self.memory.of(stream.encoder)), default=0)
        rows = self.rows(text)
        recognized = self._look_up(rows, encoder, tokenizer, channel)
        size = self._size(len(rows))
        if not recognized.whole:
            own = _padded_by(prompt, tokenizer)
            parts = [tuple(own[i : i + size]) for i in range(0, len(own), size)]
            asked = [*self._empty(tokenizer, size), *parts]
            ask(encoder, self._new(encoder, iter(asked)), self.memory)
            recognized = self._look_up(rows, encoder, tokenizer, channel)
        why = "both text encoders share the key columns; columns are named by the first"
        if not recognized.whole:
            return [("what the second text encoder read", f"it is not known; {why}")]
        second = Prompt(*as_read(recognized.known or (), tokenizer))
        if [t.id for t in _of_text(second)] == [t.id for t in _of_text(prompt)]:
            return []
        return [(f"the words of the second text encoder, {second.text!r}", why)]

    def _unknown(self, recognized: Recognized, told: Told, way_out: str) -> MissingTextError:
        name = self.adapter.pipe_name
        embeds = "negative_prompt_embeds" if "negative" in told.source else "prompt_embeds"
        argument = embeds.removesuffix("_embeds")
        columns = _listed(recognized.unknown)
        more = f" {self.memory.let_go} older texts are no longer remembered." * bool(
            self.memory.let_go
        )
        name_all = (
            f"name every column yourself: {self._verb}(pipe, {argument}=Prompt.from_ids(text, "
            "ids, tokenizer))"
        )
        inside = "Encode inside the `with` block: columns are then named by what was encoded"
        if told.text is None and self._verb != "trace" and argument != "prompt":
            return MissingTextError(
                f"This call gives {embeds} and no {argument}, and the pipeline's text encoder was "
                f"not seen to write its columns {columns}. {inside}.{way_out}"
            )
        if told.text is None:
            return MissingTextError(
                f"This call gives {embeds} and no {argument}, and the pipeline's text encoder was "
                f"not seen to write its columns {columns}, so the tokens have no names. {inside}. "
                f"Or give the text, which is then compared with them: {self._verb}(pipe, "
                f'{argument}="a red fox in the snow"). A mixture of several texts has no tokens; '
                f"{name_all}.{more}{way_out}"
            )
        if told.by_call:
            return MissingTextError(
                f"The text embeddings that {name} gives its denoiser are, in the columns "
                f"{columns}, not what its text encoder makes of {told.text!r}, so the tokens have "
                "no names: the pipeline mixes or changes them in an unknown way, or uses another "
                f"encoder than its `{name}`. If you know the names, {name_all}.{more}"
            )
        why = f"are, in the columns {columns}, not what the text encoder makes of {told.text!r}"
        if self.stream.encoder is None:
            why = "cannot be compared with the text: the pipeline has no text encoder to ask"
        elif self._why_not:
            why = f"cannot be compared with the text: {self._why_not}"
        return MissingTextError(
            f"The embeddings given {why}, so the columns' names would be guessed. {inside}, "
            "including weights and windows of prompt-weighting libraries. If that is impossible, "
            f"{name_all}; for a plain text, Prompt.from_tokenizer(text, tokenizer, "
            f"max_length={len(recognized.ids)}).{more}{way_out}"
        )


def unnamed_columns(columns: int) -> Prompt:
    """A prompt with unnamed columns, for embeddings that are kept for replay."""
    return Prompt("", tuple(Token(i, 0, "", None, True, "other") for i in range(columns)))


def _left_out(text: str, read: str) -> Omission:
    return (
        f"what else stands in {text!r}",
        f"the text encoder was not given it; it read {read!r}",
    )


def _unread(prompt: Prompt, read: str) -> list[Omission]:
    """The parts of a prompt that have no token, although nothing was cut."""
    spans = [token.span for token in prompt.tokens if token.span is not None]
    covered = {place for span in [*spans, prompt.cut or (0, 0)] for place in range(*span)}
    places = (place for place, sign in enumerate(prompt.text) if not sign.isspace())
    return [] if covered.issuperset(places) else [_left_out(prompt.text, read)]


def _unchecked(why: str) -> Omission:
    return ("the check of the columns' names", f"they are the user's own ({why})")


def _template(tokenizer: Any) -> frozenset[int]:
    names = ("bos_token_id", "eos_token_id", "pad_token_id")
    numbers = (getattr(tokenizer, name, None) for name in names)
    return frozenset(number for number in numbers if number is not None)


def _ids(prompt: Prompt) -> list[int]:
    return [token.id for token in prompt.tokens]


def _of_text(prompt: Prompt) -> list[Any]:
    return [token for token in prompt.tokens if token.role in ("text", "added")]


def _padded_by(prompt: Prompt, tokenizer: Any) -> list[int]:
    """A prompt's token ids with another tokenizer's padding."""
    return [
        tokenizer.pad_token_id if token.role == "padding" else token.id for token in prompt.tokens
    ]


def _listed(columns: Sequence[int]) -> str:
    first = ", ".join(map(str, columns[:6]))
    return first if len(columns) <= 6 else f"{first} and {len(columns) - 6} more"
