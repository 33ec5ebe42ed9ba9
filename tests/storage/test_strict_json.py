from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.errors import RecordingFormatError
from daam_nb.storage.strict_json import Fields, decode, encode, verified

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64) + 1, 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())
)
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries(st.text().filter(lambda name: name != "sha256"), data, max_size=4)


def read(raw: bytes) -> dict[str, Any]:
    return verified(decode(raw, "x.json"), "x.json")


@given(documents)
def test_what_is_written_is_read(document: dict[str, Any]) -> None:
    found = read(encode(document))
    assert found == document
    assert json.dumps(found, sort_keys=True) == json.dumps(document, sort_keys=True)  # 1 is not 1.0


def test_names_are_sorted_text_is_readable_and_lists_of_numbers_stay_on_one_line() -> None:
    raw = encode({"z": list(range(100)), "a": {"text": "naïve 🦓"}, "long": ["x" * 90, "y" * 90]})
    lines = raw.decode("utf-8").splitlines()
    assert [line.split('"')[1] for line in lines[1:-1]] == ["a", "long", "sha256", "z"]
    assert '"naïve 🦓"' in lines[1]


def test_tuples_become_lists_and_the_given_data_is_not_touched() -> None:
    given_data = {"a": (1, (2.5, "x"))}
    assert read(encode(given_data)) == {"a": [1, [2.5, "x"]]}
    assert given_data == {"a": (1, (2.5, "x"))}


def test_file_names_that_are_not_utf8_survive() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert read(encode({"model": name, name: 1})) == {"model": name, name: 1}


def test_a_surrogate_pair_in_two_halves_is_refused_rather_than_joined() -> None:
    with pytest.raises(RecordingFormatError, match="not valid Unicode"):
        encode({"a": "\ud83e" + "\udd93"})


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (object(), r"recording\.a\[1\]\.b is <object"),
        (float("nan"), r"recording\.a\[1\]\.b is nan of type float"),
        (float("inf"), r"recording\.a\[1\]\.b is inf"),
        (2**64, r"recording\.a\[1\]\.b is 18446744073709551616 of type int"),
        (b"x", r"recording\.a\[1\]\.b is b'x' of type bytes"),
        ({1: 2}, r"recording\.a\[1\]\.b has the key 1; keys must be text"),
    ],
)
def test_what_is_not_plain_is_refused_by_its_place(value: object, place: str) -> None:
    with pytest.raises(RecordingFormatError, match=place):
        encode({"a": [0, {"b": value}]})


def test_nesting_is_bounded_on_the_way_out_too() -> None:
    deep: Any = 0
    for _ in range(100):
        deep = [deep]
    with pytest.raises(RecordingFormatError, match="nested more than 64 deep"):
        encode({"a": deep})


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "Expecting value"),
        (b'{"a": 1', "Expecting ',' delimiter"),
        (b'{"a": NaN}', "NaN is not a number of JSON"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": 1e999}', "the number '1e999' is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is too large"),
        (b'{"a": 18446744073709551616}', "is too large"),
        (b'{"a": 1, "a": 2}', "the name 'a' occurs more than once"),
        (b'{"a": "\xff"}', "can't decode byte"),
        (b"[" * 100_000, "recursion|nested"),
        (b'{"a":' * 70 + b"0" + b"}" * 70, "nested more than 64 deep"),
        (b"[1]", "an object is needed"),
        (b"7", "an object is needed"),
        (b'{"a": 1} {}', "Extra data"),
        ('\ufeff{"a": 1}'.encode(), "BOM|Expecting"),
    ],
)
def test_bad_json_is_one_error_that_names_the_file_and_the_way_out(raw: bytes, why: str) -> None:
    with pytest.raises(RecordingFormatError, match=why) as caught:
        decode(raw, "x.json")
    assert str(caught.value).startswith("x.json: ")
    assert str(caught.value).endswith("or record again.")
    assert len(str(caught.value)) < 400


def test_one_changed_digit_is_noticed() -> None:
    raw = encode({"seed": 1234, "sizes": [64, 96]})
    with pytest.raises(RecordingFormatError, match="changed after it was written"):
        read(raw.replace(b"1234", b"1235"))
    with pytest.raises(RecordingFormatError, match="changed after it was written"):
        read(b'{"seed": 1234}')


def test_only_looks_may_change() -> None:
    raw = encode({"seed": 1234, "sizes": [64, 96]})
    assert read(json.dumps(json.loads(raw), indent=4).encode()) == read(raw)


def test_fields_say_what_is_needed() -> None:
    fields = Fields(
        {"whole": 3, "true": True, "text": "x", "none": None, "list": [1, "2"], "size": [1, 2, 3]},
        "x.json",
    )
    assert (fields.whole("whole"), fields.text("text"), fields.has("none")) == (3, "x", False)
    for ask, message in [
        (lambda: fields.whole("true"), r"x\.json\.true: is True where a whole number in \[0, "),
        (lambda: fields.number("true"), r"x\.json\.true: is True where a number is needed"),
        (lambda: fields.whole("whole", 4, 9), r"is 3 where a whole number in \[4, 9\] is needed"),
        (lambda: fields.text("none"), r"x\.json\.none: is None where text is needed"),
        (lambda: fields.text("other"), r"x\.json: lacks 'other'"),
        (lambda: fields.wholes("list"), r"x\.json\.list\.1: is '2' where a whole number"),
        (lambda: fields.size("size"), r"is \[1, 2, 3\] where \[height, width\] is needed"),
        (lambda: fields.fields("list"), r"x\.json\.list: is \[1, '2'\] where an object"),
        (lambda: fields.known("whole"), r"x\.json: holds 'list', unknown to this version"),
        (lambda: fields.known(*fields.values, "more"), r"x\.json: lacks 'more'"),
    ]:
        with pytest.raises(RecordingFormatError, match=message):
            ask()
