"""The dataset is complete, from folder or network; else a message lists options."""

import io
import os
import shutil
import subprocess
import tarfile
import urllib.request
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource
from tensorflow_datasets.core.download.checksums import UrlInfo
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from petseg.core.errors import PetsegError
from petseg.core.files import in_use
from petseg.sources import oxford_pets
from petseg.sources.generated import breeds
from petseg.sources.generated.dataset import write_dataset
from petseg.sources.pets_folder import check_folder
from petseg.sources.raw_example import Key, RawExample
from tests.helpers.disks import mounted
from tests.helpers.files import contents
from tests.helpers.local_server import Answer, serving
from tests.helpers.processes import run_python

COUNTS = {"train": 8, "test": 4}


@pytest.fixture(scope="module")
def drawings(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pets") / "drawings"
    write_dataset(folder, **COUNTS, image_size=32, seed=1)
    return folder


@pytest.fixture(scope="module")
def data_dir(drawings, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    oxford_pets.prepare_from_folder(drawings, folder, folder / "downloads")
    return folder


@pytest.fixture
def copy(drawings, tmp_path) -> Path:
    return shutil.copytree(drawings, tmp_path / "copy")


def check(folder: Path) -> list[str]:
    return check_folder(folder, len(oxford_pets.BREEDS), len(oxford_pets.SPECIES))


def listed(folder: Path, split: str) -> dict[str, list[int]]:
    """Returns name -> class, species and breed number."""
    rows = (folder / "annotations" / oxford_pets.LISTS[split]).read_text().splitlines()
    return {name: list(map(int, numbers)) for name, *numbers in map(str.split, rows)}


def all_examples(data_dir: Path, split: str, groups: Sequence[str] = ()) -> list[RawExample]:
    blocks = oxford_pets.blocks(data_dir, split, 5)
    return [
        example for block in blocks for example in oxford_pets.examples(data_dir, block, groups)
    ]


@pytest.mark.parametrize("split", oxford_pets.SPLITS)
def test_a_folder_is_prepared_with_all_its_examples(drawings, data_dir, split):
    examples = all_examples(data_dir, split, ["species", "breed"])
    expected = listed(drawings, split)
    assert len(examples) == oxford_pets.counts(data_dir)[split] == COUNTS[split]
    assert {example.name for example in examples} == expected.keys()
    for example in examples:
        class_number, species, _ = expected[example.name]
        breed = example.name.rpartition("_")[0]
        assert example.groups == (oxford_pets.SPECIES[species - 1], breed)
        assert oxford_pets.BREEDS[class_number - 1] == breed
        assert example.image == (drawings / f"images/{example.name}.jpg").read_bytes()
        trimap = drawings / f"annotations/trimaps/{example.name}.png"
        assert example.mask == trimap.read_bytes()


@pytest.mark.parametrize("split", oxford_pets.SPLITS)
@pytest.mark.parametrize("groups", [(), ("breed", "species"), ("species",)])
def test_keys_match_the_examples_in_order(data_dir, split, groups):
    assert oxford_pets.keys(data_dir, split, groups) == [
        Key(example.name, "".join(example.groups[:1]), example.name)
        for example in all_examples(data_dir, split, groups)
    ]


@pytest.mark.parametrize("split", oxford_pets.SPLITS)
def test_masks_match_the_examples(data_dir, split):
    stored = {example.name: example.mask for example in all_examples(data_dir, split, ())}
    some = set(sorted(stored)[1:])
    found = oxford_pets.masks(data_dir, split, some | {"Nessie_1"})
    assert found == {name: stored[name] for name in some}


def test_breeds_and_species_match_the_generated_pets():
    assert tuple(breed.name for breed in breeds.BREEDS) == oxford_pets.BREEDS
    assert oxford_pets.SPECIES[breeds.CAT - 1] == "cat"
    assert oxford_pets.SPECIES[breeds.DOG - 1] == "dog"


def test_two_runs_write_the_same_bytes(drawings, data_dir, tmp_path):
    oxford_pets.prepare_from_folder(drawings, tmp_path / "again", tmp_path / "downloads")
    assert contents(tmp_path / "again") == contents(data_dir)


def test_paths_may_have_spaces_and_non_ascii_letters(drawings, data_dir, tmp_path):
    folder = shutil.copytree(drawings, tmp_path / "Fotos für 犬 [1]")
    other = tmp_path / "vorbereitet für 犬 [1]"
    oxford_pets.prepare_from_folder(folder, other, tmp_path / "downloads")
    for split in oxford_pets.SPLITS:
        assert all_examples(other, split) == all_examples(data_dir, split)


@pytest.fixture
def read_only(copy):
    """A read-only folder; for root, whom permissions do not restrict, a read-only mount."""
    if os.geteuid():
        everything = [copy, *copy.rglob("*")]
        for path in everything:
            path.chmod(path.stat().st_mode & ~0o222)
        yield copy
        for path in everything:
            path.chmod(path.stat().st_mode | 0o200)
    else:
        if not mounted("--bind", str(copy), str(copy)):
            pytest.skip("root may not mount here")
        assert mounted("-o", "remount,bind,ro", str(copy))
        yield copy
        subprocess.run(["umount", "--lazy", str(copy)], check=True)


def test_a_read_only_folder_is_enough_and_is_not_changed(read_only, tmp_path):
    before = contents(read_only)
    with pytest.raises(OSError):
        (read_only / "new").touch()
    oxford_pets.prepare_from_folder(read_only, tmp_path / "data", tmp_path / "downloads")
    assert contents(read_only) == before
    assert oxford_pets.counts(tmp_path / "data") == COUNTS


def test_a_folder_without_mistakes_is_accepted(drawings):
    assert check(drawings) == []


TRAINVAL, TEST = "annotations/trainval.txt", "annotations/test.txt"


def add(list_name: str, line: str):
    def change(folder: Path) -> None:
        with open(folder / list_name, "a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")

    return change


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda folder: (folder / TRAINVAL).unlink(), f"{TRAINVAL} is missing"),
        (lambda folder: (folder / TEST).write_text(""), f"{TEST} is empty"),
        (
            lambda folder: (folder / TEST).write_bytes(b"M\xfcller_1 1 1 1\n"),
            f"{TEST} is not UTF-8 text: ",
        ),
        (
            lambda folder: (folder / "images/Abyssinian_1.jpg").unlink(),
            "images/Abyssinian_1.jpg is missing",
        ),
        (
            lambda folder: (folder / "annotations/trimaps/beagle_1.png").unlink(),
            "annotations/trimaps/beagle_1.png is missing",
        ),
        (
            add(TRAINVAL, "Abyssinian_1 1 1 1"),
            f"{TRAINVAL}, line 9: Abyssinian_1 is already in {TRAINVAL}, line 1",
        ),
        (
            add(TEST, "Abyssinian_1 1 1 1"),
            f"{TEST}, line 5: Abyssinian_1 is already in {TRAINVAL}, line 1",
        ),
        *[
            (add(TEST, line), f"{TEST}, line 5: {line!r} is not NAME CLASS SPECIES BREED")
            for line in (
                "",
                "# a comment",
                "Abyssinian_9",
                "Abyssinian_9 1 1",
                "Abyssinian_9 1 1 1 1",
                "Abyssinian_9 one 1 1",
                "Abyssinian_9 0 1 1",
                "Abyssinian_9 38 1 1",
                "Abyssinian_9 1 3 1",
                "../Abyssinian_1 1 1 1",
                "/Abyssinian_1 1 1 1",
            )
        ],
    ],
)
def test_a_mistake_in_a_folder_is_named(copy, change, mistake):
    change(copy)
    (found,) = check(copy)
    assert found.startswith(mistake)


def test_all_mistakes_of_a_folder_are_listed_before_writing(copy, tmp_path):
    add(TEST, "Bengal_9 6 1 2")(copy)
    (copy / TRAINVAL).unlink()
    with pytest.raises(PetsegError) as caught:
        oxford_pets.prepare_from_folder(copy, tmp_path / "data", tmp_path / "downloads")
    headline, *lines = str(caught.value).splitlines()
    assert headline == f"{copy} is not a usable copy of the dataset:"
    assert lines == [
        f"  - {TRAINVAL} is missing",
        "  - images/Bengal_9.jpg is missing",
        "  - annotations/trimaps/Bengal_9.png is missing",
    ]
    assert not (tmp_path / "data").exists()


def test_an_empty_or_missing_folder_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        assert check(folder) == [f"{TRAINVAL} is missing", f"{TEST} is missing"]


def raising(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


def assert_lists_options(error: PetsegError, reason: str, downloads: Path) -> None:
    message = str(error)
    assert reason in message.splitlines()[0]
    assert f"run the same command again; verified archives in {downloads} are reused" in message
    assert f"by hand and put them into {downloads / 'manual'}" in message
    assert "set PETSEG_OFFLINE_DIR to a folder with the unpacked images/" in message
    assert "make demo" in message


@pytest.mark.parametrize(
    "error",
    [
        URLError("Name or service not known"),
        HTTPError("https://host/images.tar.gz", 503, "Service Unavailable", {}, None),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unreachable_host_lists_the_options(tmp_path, monkeypatch, error):
    monkeypatch.setattr(urllib.request, "urlopen", raising(error))
    downloads = tmp_path / "downloads"
    with pytest.raises(PetsegError) as caught:
        oxford_pets.prepare_from_network(tmp_path / "data", downloads)
    assert_lists_options(caught.value, str(error), downloads)


@pytest.mark.parametrize(
    "error",
    [
        tfds.download.DownloadError("Failed to get url: HTTP code 503"),
        NonMatchingChecksumError("Artifact has wrong checksum"),
        ConnectionError("Connection reset by peer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failed_or_wrong_download_lists_the_options(tmp_path, monkeypatch, error):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: io.BytesIO())
    monkeypatch.setattr(oxford_pets.tfds_pets.Builder, "download_and_prepare", raising(error))
    downloads = tmp_path / "downloads"
    with pytest.raises(PetsegError) as caught:
        oxford_pets.prepare_from_network(tmp_path / "data", downloads)
    assert_lists_options(caught.value, str(error), downloads)


def test_a_disk_error_is_not_reported_as_a_network_error(tmp_path, monkeypatch):
    error = PermissionError(13, "Permission denied", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: io.BytesIO())
    monkeypatch.setattr(oxford_pets.tfds_pets.Builder, "download_and_prepare", raising(error))
    with pytest.raises(PermissionError):
        oxford_pets.prepare_from_network(tmp_path / "data", tmp_path / "downloads")


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "by TFDS"])
def test_present_archives_are_not_downloaded_again(tmp_path, monkeypatch, by_hand):
    monkeypatch.setattr(urllib.request, "urlopen", raising(URLError("no network")))
    asked = []
    monkeypatch.setattr(
        oxford_pets.tfds_pets.Builder,
        "download_and_prepare",
        lambda builder, download_dir: asked.append(download_dir),
    )
    for url, checksum in oxford_pets.archives().items():
        name = Path(url).name if by_hand else resource.get_dl_fname(url, checksum)
        path = tmp_path / "downloads" / ("manual" if by_hand else "oxford_iiit_pet") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    oxford_pets.prepare_from_network(tmp_path / "data", tmp_path / "downloads")
    assert asked == [str(tmp_path / "downloads")]


def test_archives_have_their_published_checksums():
    found = {Path(url).name: checksum for url, checksum in oxford_pets.archives().items()}
    assert found == {
        "images.tar.gz": "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        "annotations.tar.gz": "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
    }


def archive(drawings: Path, top: str) -> bytes:
    """Generated pets, with members that escape the target folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.add(drawings / top, top)
        for name in ("../evil", f"{top}/../../evil", "/tmp/petseg evil", "evil/../../../evil"):
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo(f"{top}/link")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../.."
        tar.addfile(link)
        through = tarfile.TarInfo(f"{top}/link/evil")
        tar.addfile(through)
    return stream.getvalue()


@pytest.fixture(scope="module")
def files(drawings) -> dict[str, bytes]:
    tops = ("images", "annotations")
    return {f"{top}.tar.gz": archive(drawings, top) for top in tops}


@pytest.fixture
def host(monkeypatch, files):
    """Serves archives locally; the fixture is the answers by file name."""
    answers = {name: Answer(data) for name, data in files.items()}
    with serving(answers) as address:
        published = {
            f"{address}/{name}": UrlInfo(len(data), sha256(data).hexdigest(), name)
            for name, data in files.items()
        }
        known = {url: (info.size, info.checksum) for url, info in published.items()}
        monkeypatch.setattr(oxford_pets.tfds_pets, "_BASE_URL", address)
        monkeypatch.setattr(oxford_pets.tfds_pets.Builder, "url_infos", published)
        monkeypatch.setattr(oxford_pets, "_archives", lambda: known)
        yield answers


def leftovers(tmp_path: Path) -> list[str]:
    names = [path.name for path in (tmp_path / "downloads").glob("*/*")]
    return [name for name in names if ".tmp." in name or name.startswith("incomplete")]


def bring(tmp_path: Path, name: str = "data") -> None:
    oxford_pets.prepare_from_network(tmp_path / name, tmp_path / "downloads")
    assert oxford_pets.counts(tmp_path / name) == COUNTS
    assert leftovers(tmp_path) == []


BRING = """
import sys
from pathlib import Path
from petseg.core import stage_runner
from petseg.sources import oxford_pets
from tensorflow_datasets.core.download.checksums import UrlInfo
oxford_pets.tfds_pets._BASE_URL = {address!r}
oxford_pets.tfds_pets.Builder.url_infos = {published!r}
oxford_pets._archives = lambda: {known!r}
folder = Path({folder!r})
data, downloads = folder / "data", folder / "downloads"
stage_runner.run(lambda: oxford_pets.prepare_from_network(data, downloads), "bring")
"""


def error_in_another_process(tmp_path: Path) -> str:
    """Returns the errors of `bring` in a process that ends like a stage.

    Here, TFDS's threads would still extract the good archive while the next attempt deletes
    leftovers.
    """
    script = BRING.format(
        address=oxford_pets.tfds_pets._BASE_URL,
        published=oxford_pets.tfds_pets.Builder.url_infos,
        known=oxford_pets._archives(),
        folder=str(tmp_path),
    )
    done = run_python("-c", script)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def test_archives_are_downloaded_once_and_extracted_safely(tmp_path, host, data_dir):
    half = tmp_path / "downloads" / "oxford_iiit_pet" / f"a.tar.gz.tmp.{'0a' * 16}"
    half.mkdir(parents=True)
    (half / "a.tar.gz").touch()
    unpacked = tmp_path / "downloads" / "extracted" / f"incomplete.{'1b' * 16}_TAR.a.tar"
    unpacked.mkdir(parents=True)
    (half.parent / f"incomplete.{'2c' * 16}.a.tar.gz.INFO").touch()
    bring(tmp_path)
    assert all_examples(tmp_path / "data", "test") == all_examples(data_dir, "test")
    host.clear()
    bring(tmp_path, "again")
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert not Path("/tmp/petseg evil").exists()
    evil = {path.parent for path in tmp_path.rglob("*evil*")}
    assert all(tmp_path / "downloads" / "extracted" in folder.parents for folder in evil)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: Answer(data, part=0.5), "IncompleteRead"),
        (lambda data: Answer(status=404), "HTTP code: 404"),
        (lambda data: Answer(data[:-1] + b"x"), "wrong checksum"),
    ],
    ids=["cut", "error", "other bytes"],
)
def test_a_bad_download_is_named_and_a_good_one_is_reused(tmp_path, host, damage, reason):
    name = "annotations.tar.gz"
    whole = host[name]
    host[name] = damage(whole.data)
    message = error_in_another_process(tmp_path)
    assert "error: the Oxford-IIIT Pet archives could not be downloaded: " in message
    assert reason in message
    assert f"/{name}\n" in message
    assert "set PETSEG_OFFLINE_DIR" in message
    assert not list((tmp_path / "data").rglob("*.tfrecord*"))
    host[name] = whole
    bring(tmp_path)


def test_archives_downloaded_by_hand_are_checked(tmp_path, host, files):
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    host.clear()
    for name, data in files.items():
        (manual / name).write_bytes(data[:-1] + b"x")
    with pytest.raises(PetsegError, match="wrong checksum") as caught:
        bring(tmp_path)
    assert str(manual) in str(caught.value)
    for name, data in files.items():
        (manual / name).write_bytes(data)
    bring(tmp_path)


def test_a_disk_that_is_too_small_is_refused_before_the_download(tmp_path, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", raising(AssertionError("asked for")))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 500 << 20})())
    with pytest.raises(PetsegError) as caught:
        oxford_pets.prepare_from_network(tmp_path / "data", tmp_path / "downloads")
    assert f"1,547.0 MiB are needed in {tmp_path / 'downloads'}, where 500.0" in str(caught.value)


def test_a_full_disk_is_not_reported_as_a_network_error(tmp_path, monkeypatch):
    error = tfds.core.download.extractor.ExtractError("a; No space left on device")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: io.BytesIO())
    monkeypatch.setattr(oxford_pets.tfds_pets.Builder, "download_and_prepare", raising(error))
    with pytest.raises(type(error)):
        oxford_pets.prepare_from_network(tmp_path / "data", tmp_path / "downloads")


def test_files_of_a_running_download_are_not_deleted(tmp_path):
    half = tmp_path / "oxford_iiit_pet" / f"a.tar.gz.tmp.{'0a' * 16}"
    half.mkdir(parents=True)
    with in_use(tmp_path):
        oxford_pets._clear_leftovers(tmp_path)
        assert half.exists()
    oxford_pets._clear_leftovers(tmp_path)
    assert not half.exists()
