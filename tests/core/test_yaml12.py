"""YAML is read as in DVC, and round-trips."""

import pytest
from dvc.utils.serialize import dumps_yaml, parse_yaml
from hypothesis import given
from hypothesis import strategies as st

from petseg.core import yaml12
from petseg.core.errors import PetsegError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")))
    | st.sampled_from(["1e-05", "0o17", ".5e3", "yes", "on", "~", "2020-01-01", "1:30", "=", "<<"])
)
CONTENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-05", 0.00001),
        ("1E5", 100000.0),
        ("1e+30", 1e30),
        ("-.5E3", -500.0),
        (".5", 0.5),
        ("0o17", 15),
        ("yes", "yes"),
        ("'1e-05'", "1e-05"),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    found = yaml12.parse(text.encode(), "here")
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("number", [0.00001, 5e-05, 1e30, 1.5e-300, 1e16, 0.1, 3])
def test_numbers_written_by_dvc_are_read_as_by_dvc(number):
    text = dumps_yaml({"a": number})
    assert yaml12.parse(text.encode(), "here") == parse_yaml(text, "here") == {"a": number}


@given(CONTENTS)
def test_dump_and_parse_round_trip(content):
    assert yaml12.parse(yaml12.dump(content).encode(), "here") == content


def test_keys_keep_their_order():
    assert yaml12.dump({"b": 1, "a": 2}) == "b: 1\na: 2\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a: 1\na: 2", 'found duplicate key "a" with value "2"'),
        (b"a: 1\n---\nb: 2", "another document"),
        (b"a: !mine {b: 1}", "could not determine a constructor for the tag '!mine'"),
        (b"a: *b", "found undefined alias 'b'"),
        (b"\xff", "codec can't decode"),
        (b"[" * 5000, "recursion"),
    ],
    ids=str,
)
def test_parse_error_contains_source_and_reason(data, reason):
    with pytest.raises(PetsegError) as caught:
        yaml12.parse(data, "the file")
    message = str(caught.value)
    assert message.startswith("the file cannot be read: ")
    assert reason in message and "https://" not in message


def test_reading_a_folder_is_refused(tmp_path):
    with pytest.raises(PetsegError, match=r"cannot be read: Is a directory"):
        yaml12.read(tmp_path)
