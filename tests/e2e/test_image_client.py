"""Oracle's client library in the image: how it gets there, how it loads, what can be wrong.

The library is a stand-in that the tests compile; Oracle's own is not verified here.
"""

import hashlib
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.e2e import client_zip
from support.e2e.containers import HARDENED, UID, VERSION, ContainerJob, derive, docker, make_image
from support.e2e.download_site import DownloadSite, download_site
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.tls import Authority

CLIENT_DIR = "/opt/oracle/instantclient"
STAGE = "etl-sales-target-client-stage"
LIBRARY = f"{CLIENT_DIR}/libclntsh.so.19.1"

BuildClient = Callable[..., tuple[bool, str]]


@pytest.fixture
def client_job(container_job: ContainerJob, client_image: str) -> ContainerJob:
    """The job in the image that has the client."""
    return container_job.with_image(client_image)


def client_line(job: ContainerJob, **environ: str) -> str:
    """What `check` says of the client library."""
    return next(line for line in job("check", **environ).stdout.splitlines() if "client" in line)


def in_image(image: str, command: str) -> str:
    return docker("run", "--rm", *HARDENED, "--entrypoint=sh", image, "-c", command)


def test_the_driver_loads_it_without_rights(client_job: ContainerJob, client_image: str) -> None:
    assert in_image(client_image, "id -u") == str(UID)
    assert client_line(client_job) == (
        f"OK      client library: version {client_zip.VERSION} at {CLIENT_DIR}/libclntsh.so:"
        f" thick mode, as libclntsh.so is in {CLIENT_DIR}"
    )


def test_the_version_is_printed(client_image: str) -> None:
    versions = docker("run", "--rm", *HARDENED, client_image, "--version")
    assert f"Oracle client library: {client_zip.VERSION} at {CLIENT_DIR}" in versions


def test_thin_mode_remains_at_hand(
    client_job: ContainerJob, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    done = client_job("run", ETL_ORACLE_MODE="thin")
    assert done.exit_code == 0, done.stderr
    assert target.rows() == small_source.rows()


def test_the_loader_knows_it_and_what_it_needs(client_image: str) -> None:
    known = in_image(client_image, "ldconfig -p")
    assert LIBRARY in known
    assert "libaio.so.1t64" in known
    # Oracle's own library needs these too.
    needed = ("libaio.so.1", "libnsl.so.1", "libresolv.so.2", "librt.so.1", "libdl.so.2")
    for name in (*needed, "libclntsh.so"):
        script = f"import ctypes; ctypes.CDLL({name!r})"
        assert in_image(client_image, f'python3 -c "{script}"') == ""


def test_it_is_unmodified_and_keeps_its_licence(client_image: str, client_archive: Path) -> None:
    with zipfile.ZipFile(client_archive) as archive:
        library = archive.read(f"{client_zip.FOLDER}/libclntsh.so.19.1")
    digest = in_image(client_image, f"sha256sum {LIBRARY}").split()[0]
    assert digest == hashlib.sha256(library).hexdigest()
    assert client_zip.LICENCE in in_image(client_image, f"ls {CLIENT_DIR}").split()


def test_nothing_of_its_unpacking_is_left(client_image: str) -> None:
    left_over = "command -v unzip; command -v curl; ls /zips 2>/dev/null; true"
    assert in_image(client_image, left_over) == ""


# -- what can be wrong with it -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "cause", "remedy"),
    [
        (f"rm -r {CLIENT_DIR}", f"There is no libclntsh.so in {CLIENT_DIR}", "Unpack Oracle"),
        (f"chmod o-r {LIBRARY}", f"cannot be read by user id {UID}", "chmod a+rX"),
        (f"chmod o-rx {CLIENT_DIR}", CLIENT_DIR, "chmod a+rX"),
        ("rm /usr/lib/*/libaio.so.1", "libaio.so.1: cannot open", "link libaio.so.1 to it"),
        (f"sh -c 'echo broken > {LIBRARY}'", "cannot be loaded", "Install Instant Client 19"),
    ],
    ids=["removed", "unreadable", "closed folder", "no libaio", "broken"],
)
def test_check_names_the_cause_and_the_remedy(
    client_job: ContainerJob, client_image: str, damage: str, cause: str, remedy: str
) -> None:
    damaged = client_job.with_image(derive(client_image, damage))
    line = client_line(damaged, ETL_ORACLE_MODE="thick")
    assert line.startswith("FAILED")
    assert cause in line
    assert remedy in line
    assert damaged("check", ETL_ORACLE_MODE="thick").exit_code == 69


def test_a_client_that_may_not_be_read_is_not_passed_over(
    client_job: ContainerJob, client_image: str
) -> None:
    """Else the job would go on in thin mode, and fail where an old Oracle wants thick."""
    closed = client_job.with_image(derive(client_image, f"chmod o-rx {CLIENT_DIR}"))
    assert f"{CLIENT_DIR} cannot be read by user id {UID}" in client_line(closed)


# -- how it gets there -------------------------------------------------------------------------


@pytest.fixture
def zips(build_folder: Path) -> Iterator[Path]:
    """The folder in which a build looks for zips, empty before and after."""
    folder = build_folder / "docker/instantclient"
    yield folder
    for path in folder.glob("*.zip"):
        path.unlink()


@pytest.fixture
def build_client(build_folder: Path, zips: Path) -> Iterator[BuildClient]:
    """Builds the stage that holds the client; returns whether it did, and what it said of it."""

    def build(**variables: str) -> tuple[bool, str]:
        given = {"INSTANTCLIENT_SHA256": "none", **variables}
        made = make_image(build_folder, TARGET="client", IMAGE=STAGE, **given)
        lines = [line for line in made.stderr.splitlines() if "Oracle Instant Client:" in line]
        said = lines[-1].partition("Oracle Instant Client: ")[2] if lines else made.stderr
        return made.returncode == 0, said

    yield build
    docker("rmi", f"{STAGE}:{VERSION}", check=False)


def test_the_right_checksum_passes(
    build_client: BuildClient, zips: Path, client_archive: Path
) -> None:
    shutil.copy(client_archive, zips)
    digest = client_zip.sha256(client_archive)
    assert build_client(INSTANTCLIENT_SHA256=digest)[0]
    assert build_client(INSTANTCLIENT_SHA256=f"{'0' * 64} {digest}")[0]


def test_a_build_without_a_checksum_is_refused_and_names_it(
    build_client: BuildClient, zips: Path, client_archive: Path
) -> None:
    shutil.copy(client_archive, zips)
    built, said = build_client(INSTANTCLIENT_SHA256="")
    assert not built
    assert f"This zip's SHA-256 is {client_zip.sha256(client_archive)}" in said
    assert said.startswith("set INSTANTCLIENT_SHA256")


def test_a_build_that_does_not_verify_says_so(
    build_folder: Path, zips: Path, client_archive: Path
) -> None:
    shutil.copy(client_archive, zips)
    made = make_image(
        build_folder, TARGET="client", IMAGE=STAGE, INSTANTCLIENT_SHA256="none",
        DOCKER_BUILD_OPTIONS=f"{os.environ.get('DOCKER_BUILD_OPTIONS', '')} --no-cache",
    )  # fmt: skip
    assert made.returncode == 0
    assert "so the zip was not verified" in made.stderr


def test_a_wrong_checksum_is_refused(
    build_client: BuildClient, zips: Path, client_archive: Path
) -> None:
    shutil.copy(client_archive, zips)
    built, said = build_client(INSTANTCLIENT_SHA256="0" * 64)
    assert not built
    assert f"not {'0' * 64} as INSTANTCLIENT_SHA256 says" in said


def test_two_zips_are_refused(build_client: BuildClient, zips: Path, client_archive: Path) -> None:
    shutil.copy(client_archive, zips)
    shutil.copy(client_archive, zips / client_archive.name.replace("19.99", "19.98"))
    built, said = build_client()
    assert not built
    assert "holds 2 zips for amd64" in said


def test_half_a_zip_is_refused(build_client: BuildClient, zips: Path, client_archive: Path) -> None:
    content = client_archive.read_bytes()
    (zips / client_archive.name).write_bytes(content[: len(content) // 2])
    built, said = build_client()
    assert not built
    assert said == f"{client_archive.name} is no complete zip."


def test_another_package_is_refused(build_client: BuildClient, zips: Path) -> None:
    name = "instantclient-sdk-linux.x64-19.99.0.0.0dbru.zip"
    with zipfile.ZipFile(zips / name, "w") as archive:
        archive.writestr("instantclient_19_99/sdk/include/oci.h", "")
    built, said = build_client()
    assert not built
    assert "take the package Basic Lite or Basic" in said


def for_architecture(name: str) -> dict[str, str]:
    options = f"{os.environ.get('DOCKER_BUILD_OPTIONS', '')} --build-arg TARGETARCH={name}"
    return {"DOCKER_BUILD_OPTIONS": options}


def test_each_architecture_takes_its_own_zip(
    build_client: BuildClient, zips: Path, client_archive: Path
) -> None:
    shutil.copy(client_archive, zips)
    arm64 = client_archive.name.replace("linux.x64", "linux.arm64")
    shutil.copy(client_archive, zips / arm64)
    for architecture, name in (("amd64", client_archive.name), ("arm64", arm64)):
        built, said = build_client(**for_architecture(architecture))
        assert built
        assert said.startswith(f"{name}, SHA-256 ")


def test_an_architecture_without_a_client_is_refused(build_client: BuildClient) -> None:
    built, said = build_client(**for_architecture("riscv64"))
    assert not built
    assert said == (
        "Oracle has none of version 19 for riscv64: build amd64, arm64, or the target thin."
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[DownloadSite, dict[str, str]]]:
    """The download site, and what lets a build reach it through a proxy, trusting its authority."""
    authority = Authority.create(tmp_path, "proxy", host="download.oracle.com")
    with download_site(authority) as served:
        options = f"{os.environ.get('DOCKER_BUILD_OPTIONS', '')} --network host"
        yield (
            served,
            {
                "DOCKER_BUILD_OPTIONS": f"{options} --build-arg HTTPS_PROXY={served.url}",
                "CA_BUNDLE": str(authority.ca_file),
                # A build is cached by its arguments, not by what it downloads.
                "INSTANTCLIENT_VERSION": f"19.{random.randrange(100, 10**9)}.0.0.0dbru",
            },
        )


def test_without_a_zip_it_is_downloaded(
    build_client: BuildClient, site: tuple[DownloadSite, dict[str, str]], client_archive: Path
) -> None:
    served, variables = site
    version = variables["INSTANTCLIENT_VERSION"]
    folder = version.removesuffix("dbru").replace(".", "")
    path = (
        f"/otn_software/linux/instantclient/{folder}"
        f"/instantclient-basiclite-linux.x64-{version}.zip"
    )
    served.files[path] = client_archive.read_bytes()
    assert build_client(**variables)[0]
    assert served.asked == [path]


def test_a_failed_download_says_what_to_do(
    build_client: BuildClient, site: tuple[DownloadSite, dict[str, str]]
) -> None:
    built, said = build_client(**site[1])
    assert not built
    assert "cannot download https://download.oracle.com/otn_software/linux/" in said
    assert "Put the zip into docker/instantclient, or build the target thin." in said
