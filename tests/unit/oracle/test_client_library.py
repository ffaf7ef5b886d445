"""Oracle's client library: when it is used, and what is said of one that cannot be."""

import ctypes.util
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.oracle.client_library import choose_mode, validate
from etl_sales_target.oracle.parameters import OracleParameters


def reason_against(client_dir: Path) -> NotFoundError:
    """Why the library of this folder cannot be used."""
    with pytest.raises(NotFoundError) as e:
        validate(client_dir)
    assert e.value.exit_code == 69
    assert str(e.value.remedy).endswith(".")
    return e.value


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_no_library(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    error = reason_against(tmp_path / folder)

    assert error.message == f"There is no libclntsh.so in {tmp_path / folder}."
    assert "ETL_ORACLE_MODE=thin" in str(error.remedy)


def test_a_library_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "libclntsh.so").write_text("a text file")
    error = reason_against(tmp_path)

    assert f"{tmp_path}/libclntsh.so cannot be loaded" in error.message
    assert "architecture" in str(error.remedy)


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "libclntsh.so").symlink_to("libclntsh.so.23.1")

    assert "cannot be read" in reason_against(tmp_path).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@pytest.mark.parametrize("unreadable", [".", "libclntsh.so"])
def test_a_library_that_may_not_be_read(tmp_path: Path, unreadable: str) -> None:
    client_dir = tmp_path / "client"
    client_dir.mkdir()
    (client_dir / "libclntsh.so").touch()
    (client_dir / unreadable).chmod(0o000)
    error = reason_against(client_dir)
    client_dir.chmod(0o700)

    assert error.message == f"{client_dir / unreadable} cannot be read by user id {os.geteuid()}."
    assert error.remedy == f"chmod a+rX {client_dir} and the files in it."


def compile_library(folder: Path, name: str, *needs: str) -> Path:
    """A real shared library of this name that needs others of the same folder."""
    source = folder / "empty.c"
    source.write_text(f"int {name.partition('.')[0]}_is_here;")
    library = folder / name
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    arguments = [f"-Wl,-soname,{name}", "-Wl,--no-as-needed", *(str(folder / n) for n in needs)]
    subprocess.run([compiler, "-shared", "-o", library, source, *arguments], check=True)
    return library


needs_a_compiler = pytest.mark.skipif(
    not ctypes.util.find_library("c")
    or not any(os.access(Path(folder) / "gcc", os.X_OK) for folder in os.get_exec_path()),
    reason="no C compiler",
)


@needs_a_compiler
def test_a_library_that_loads(tmp_path: Path) -> None:
    library = compile_library(tmp_path, "libclntsh.so.23.1")

    assert validate(tmp_path) == library


@needs_a_compiler
@pytest.mark.parametrize(
    ("needed", "remedy"),
    [("libaio.so.1", "Install libaio"), ("libnnz.so", "LD_LIBRARY_PATH={}")],
)
def test_a_library_whose_neighbour_is_missing(tmp_path: Path, needed: str, remedy: str) -> None:
    neighbour = compile_library(tmp_path, needed)
    compile_library(tmp_path, "libclntsh.so", needed)
    neighbour.unlink()
    error = reason_against(tmp_path)

    assert f"{needed}: cannot open shared object file" in error.message
    assert remedy.format(tmp_path) in str(error.remedy)


def parameters(thick_mode: bool | None = None, lib_dir: str | None = None) -> OracleParameters:
    return OracleParameters(
        login={},
        thick_mode=thick_mode,
        thick_mode_lib_dir=lib_dir,
        thick_mode_config_dir="/tns",
    )


@pytest.mark.parametrize(
    ("mode", "thick_mode", "installed", "is_thick", "reason"),
    [
        ("thick", False, False, True, "ETL_ORACLE_MODE=thick"),
        ("thin", True, True, False, "ETL_ORACLE_MODE=thin"),
        ("auto", True, False, True, "the connection's thick_mode"),
        ("auto", False, True, False, "the connection's thick_mode"),
        ("auto", None, True, True, "libclntsh.so is in "),
        ("auto", None, False, False, "libclntsh.so is not in "),
    ],
)
def test_which_mode(
    tmp_path: Path,
    mode: str,
    thick_mode: bool | None,
    installed: bool,
    is_thick: bool,
    reason: str,
) -> None:
    if installed:
        (tmp_path / "libclntsh.so.19.1").touch()
    chosen = choose_mode(mode, tmp_path, parameters(thick_mode))

    assert chosen.client_dir == (tmp_path if is_thick else None)
    assert chosen.reason.startswith(reason)
    assert chosen.config_dir == "/tns"


def test_the_connection_may_name_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "libclntsh.so").touch()

    assert (
        choose_mode("auto", Path("/nowhere"), parameters(lib_dir=str(tmp_path))).client_dir
        == tmp_path
    )
