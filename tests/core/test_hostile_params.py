"""Any invalid params.yaml is refused with one short PetsegError."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petseg.core import params, yaml12
from petseg.core.errors import PetsegError
from tests.helpers.changed_params import KEYS, SHIPPED, changed, load_text, mistakes


@pytest.mark.parametrize("content", [None, [], "text", 3])
def test_file_without_keys_is_refused(content):
    assert mistakes(content) == ["the file: expected keys and values"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("seed: 1\nseed: 2\n", 'duplicate key "seed"'),
        ("dataset:\n  name: a\n  name: b\n", 'duplicate key "name"'),
        ("? {a: 1}\n: 2\n", "unhashable key"),
        ("seed: [1\n", "expected ',' or ']'"),
        ("seed: !!python/object:os.system x\n", "could not determine a constructor"),
        ("seed: !!int ''\n", "cannot be read"),
        ("seed: " + "9" * 5000, "cannot be read"),
        ("[" * 5000, "cannot be read"),
    ],
    ids=lambda text: text[:24],
)
def test_invalid_yaml_is_refused(tmp_path, text, reason):
    with pytest.raises(PetsegError) as caught:
        load_text(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'params.yaml'} cannot be read: ")
    assert reason in str(caught.value)


def test_binary_file_is_refused(tmp_path):
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PetsegError, match=r"params\.yaml cannot be read"):
        params.load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("path", KEYS)
def test_huge_number_is_refused(path):
    """YAML may contain it in hexadecimal. Python raises ValueError when it formats it."""
    (mistake,) = mistakes(changed({path: 16**5000}))
    assert mistake.startswith(f"{path}: ") and len(mistake) < 1000
    assert "sys." not in mistake


def test_huge_number_as_key_is_refused():
    assert mistakes(SHIPPED | {16**5000: 1}) == ["a whole number of 20001 bits: unknown key"]
    path = "train_unet.loss.class_weights"
    (mistake,) = mistakes(changed({path: {16**5000: -1}}))
    assert mistake.startswith(f"{path}: -1 of a whole number of 20001 bits should")


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400)])
    | st.floats()
    | st.text()
    | st.dates()
    | st.binary()
)
yaml_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(KEYS) | st.text() | st.integers(), inner, max_size=5)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(yaml_values)
def test_incomplete_params_are_refused(content):
    with pytest.raises(PetsegError, match="mistake"):
        params.parse_params(content)


@settings(deadline=None)
@given(st.sampled_from(KEYS), yaml_values)
def test_any_value_is_accepted_or_reported_at_its_key(path, value):
    try:
        params.parse_params(changed({path: value}))
    except PetsegError as error:
        assert f"\n  - {path}" in str(error)


BILLIONS = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
BILLIONS = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *BILLIONS])


def test_aliases_of_billions_of_values_get_short_message(tmp_path):
    text = f"{BILLIONS}\nseed: *a11\ntrain_unet: {{decoder_filters: *a11}}"
    with pytest.raises(PetsegError, match=r"seed: \[.*\.\.\.\] should be a whole number") as caught:
        load_text(tmp_path, text)
    assert len(str(caught.value)) < 10_000


@pytest.mark.parametrize("path", KEYS)
def test_billions_of_values_at_any_key_get_short_message(path):
    values = yaml12.parse(BILLIONS.encode(), "here")["a11"]
    with pytest.raises(PetsegError) as caught:
        params.parse_params(changed({path: values}))
    assert f"\n  - {path}" in str(caught.value)
    assert len(str(caught.value)) < 5000


def test_recursive_alias_gets_short_message(tmp_path):
    with pytest.raises(PetsegError, match=r"seed: \[.*\] should be a whole number") as caught:
        load_text(tmp_path, "seed: &a [*a]\ntrain_unet: &b {loss: *b}\n")
    assert len(str(caught.value)) < 5000


TEXTS = {path.rpartition(".")[2] for path in KEYS} | set("{}[]&*!|>-?: \n'\"%@#,~") | {"  ", "<<"}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | st.lists(st.sampled_from(sorted(TEXTS)) | st.text()).map("".join))
def test_any_file_content_is_refused_with_petseg_error(tmp_path, content):
    data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    (tmp_path / "params.yaml").write_bytes(data)
    with pytest.raises(PetsegError):
        params.load_params(tmp_path / "params.yaml")
