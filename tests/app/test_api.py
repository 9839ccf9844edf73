"""The API of `petseg serve`: responses and errors."""

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

import petseg
from petseg.decoding import photograph
from petseg.prediction.network import Network
from tests.helpers import networks
from tests.helpers.images import encoded, half_red
from tests.helpers.specs import CELLS, PETS

pytest.importorskip("fastapi", reason="gradio is not installed (extra app)")
from fastapi.testclient import TestClient

from petseg.app import api


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Network:
    """Predicts pet for red, background for green, border for blue."""
    path = tmp_path_factory.mktemp("api") / "unet.keras"
    return petseg.load(networks.save(networks.colours(), path))


def image(size: tuple[int, int] = (90, 60), kind: str = "PNG") -> bytes:
    return encoded(half_red(size), kind)


@pytest.fixture
def client(network):
    found = api.create({"unet": network, "other": network}, api.Limits(upload=100_000))
    with TestClient(found, raise_server_exceptions=False) as client:
        yield client


def picture(answer) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_json_has_shares_and_coco_run_lengths(client):
    found = client.post("/v1/segment", content=image()).json()
    assert (found["model"], found["width"], found["height"]) == ("unet", 90, 60)
    assert found["shares"]["pet"] == pytest.approx(0.5, abs=0.05)
    assert found["regions"] == {"pet": found["shares"]["pet"] + found["shares"]["border"]}
    masks = {name: coco.decode(mask) for name, mask in found["masks"].items()}
    assert list(masks) == ["pet", "background", "border"]
    assert all(mask.shape == (60, 90) for mask in masks.values())
    np.testing.assert_array_equal(sum(masks.values()), 1)
    assert masks["pet"][30, 5] == masks["background"][30, 85] == 1


def test_mask_has_values_of_the_dataset(client):
    mask = np.array(picture(client.post("/v1/segment?as=labels", content=image())))
    assert mask.shape == (60, 90) and (mask[30, 5], mask[30, 85]) == (1, 2)


def test_overlay_has_a_legend_and_cutout_is_transparent_outside(client):
    overlay = picture(client.post("/v1/segment?as=overlay", content=image()))
    assert overlay.format == "JPEG" and overlay.height > 60  # the legend is below
    cutout = picture(client.post("/v1/segment?as=cutout", content=image()))
    assert (cutout.format, cutout.mode, cutout.size) == ("PNG", "RGBA", (90, 60))
    assert (cutout.getpixel((5, 5))[3], cutout.getpixel((85, 5))[3]) == (255, 0)
    other = picture(client.post("/v1/segment?as=cutout&region=background", content=image()))
    assert (other.getpixel((5, 5))[3], other.getpixel((85, 5))[3]) == (0, 255)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("image/png", "image/png"),
        ("image/jpeg;q=0.9, */*", "image/jpeg"),
        ("text/html, application/json", "application/json"),
    ],
)
def test_accept_header_selects_the_media_type(client, accept, media_type):
    answer = client.post("/v1/segment", content=image(), headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type


def test_form_and_body_give_the_same_masks(client):
    answers = [
        client.post("/v1/segment", content=image()),
        client.post("/v1/segment", files={"file": ("cat.png", image())}),
        client.post("/v1/segment?model=other", files={"anything": image()}),
    ]
    assert {str(answer.json()["masks"]) for answer in answers} == {str(answers[0].json()["masks"])}


def test_uploads_are_not_written_to_the_disk(client, monkeypatch):
    import tempfile

    def refuse(*arguments, **options):
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    noise = np.random.default_rng(0).integers(0, 256, (170, 170, 3), np.uint8)
    assert client.post("/v1/segment", files={"file": encoded(noise)}).status_code == 200


def refused(answer, status: int) -> str:
    assert answer.status_code == answer.json()["error"]["status"] == status
    assert answer.headers["content-type"] == "application/json"
    return answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/segment", b"no image", 415, "is not an image"),
        ("/v1/segment", b"", 415, "is an empty file"),
        ("/v1/segment", bytes(100_001), 413, "larger than 0.1 MB, the limit"),
        ("/v1/segment?model=mine", image(), 404, "no model 'mine'; there are: unet, other"),
        ("/v1/segment?as=cutout&region=dog", image(), 400, "no region or class 'dog'"),
        ("/v1/segment?as=text", image(), 422, "query.as: Input should be 'json', 'labels'"),
        ("/v1/nothing", image(), 404, "Not Found"),
        ("/v1/models", image(), 405, "Method Not Allowed"),
    ],
)
def test_client_errors_are_json(client, path, body, status, message):
    assert message in refused(client.post(path, content=body), status)


def test_bad_forms_and_media_types_are_refused(client):
    fields = {"a": (None, "b")}
    assert "has no file" in refused(client.post("/v1/segment", files=fields), 400)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/segment", content=b"a=b", headers=headers)
    assert "the form cannot be read" in refused(answer, 400)
    headers = {"Accept": "text/html"}
    assert "not text/html" in refused(
        client.post("/v1/segment", content=image(), headers=headers), 406
    )


def test_image_with_too_many_pixels_is_refused(client, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    photograph.limit_megapixels(1)
    message = refused(client.post("/v1/segment", content=image((2000, 600))), 413)
    assert "more than 1 megapixels" in message


def test_internal_error_hides_its_cause(client, monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("internal detail")

    monkeypatch.setattr(api, "_json_content", fail)
    assert refused(client.post("/v1/segment", content=image()), 500) == (
        "the service failed; see its log"
    )


def slow(network: Network, seconds: float) -> Network:
    def run(images):
        time.sleep(seconds)
        return network.run(images)

    return Network(network.path, network.spec, network.image_size, run)


def test_requests_beyond_the_queue_get_503_and_retry_after(network):
    limits = api.Limits(workers=1, waiting=1)
    with TestClient(api.create({"slow": slow(network, 0.5)}, limits)) as client:
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(client.post("/v1/segment", content=image()))
            )
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [200, 200, 503, 503, 503]
        (full, *_) = (answer for answer in answers if answer.status_code == 503)
        assert full.headers["retry-after"] == "1"
        assert "1 images are being segmented and 1 wait" in refused(full, 503)
        assert client.post("/v1/segment", content=image()).status_code == 200


def test_slow_request_gets_504(network):
    limits = api.Limits(seconds=0.1)
    with TestClient(api.create({"slow": slow(network, 0.5)}, limits)) as client:
        message = refused(client.post("/v1/segment", content=image()), 504)
    assert message == "no answer within 0.1 seconds"


def test_token_is_required_except_for_healthz(network):
    with TestClient(api.create({"unet": network}, token="secret")) as client:
        assert client.get("/healthz").status_code == 200
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "secret"}):
            answer = client.post("/v1/segment", content=image(), headers=headers)
            assert "Authorization: Bearer TOKEN" in refused(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        headers = {"Authorization": "Bearer secret"}
        assert client.post("/v1/segment", content=image(), headers=headers).status_code == 200
        assert client.get("/openapi.json").status_code == 401


def test_models_are_listed_with_classes_and_regions(network, tmp_path):
    (model,) = TestClient(api.create({"unet": network})).get("/v1/models").json()["models"]
    assert model["classes"] == ["pet", "background", "border"]
    assert model["regions"] == {"pet": ["pet", "border"]}
    assert model["sees"] == {"height": 16, "width": 16}
    assert CELLS.name != model["dataset"] == PETS.name


def test_openapi_and_docs_describe_the_api(client):
    schema = client.get("/openapi.json").json()
    segment = schema["paths"]["/v1/segment"]["post"]
    assert [given["name"] for given in segment["parameters"]] == ["model", "as", "region", "flip"]
    assert segment["requestBody"]["content"].keys() == {
        "application/octet-stream",
        "multipart/form-data",
    }
    page = client.get("/docs").text
    assert "openapi.json" in page and "https://" not in page
