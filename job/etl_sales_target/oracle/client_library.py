"""Oracle's client library: whether to use it, and what is wrong with it, in one sentence."""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.oracle.parameters import OracleParameters

_LIBRARY = "libclntsh.so"


@dataclass(frozen=True)
class DriverMode:
    """How the driver talks to Oracle, and why so. `client_dir` is None in thin mode."""

    client_dir: Path | None
    config_dir: str | None
    reason: str


def choose_mode(oracle_mode: str, client_dir: Path, parameters: OracleParameters) -> DriverMode:
    """ETL_ORACLE_MODE decides; at `auto` the connection's thick_mode, then what is installed."""
    client_dir = Path(parameters.thick_mode_lib_dir or client_dir)
    if oracle_mode != "auto":
        thick, reason = oracle_mode == "thick", f"ETL_ORACLE_MODE={oracle_mode}"
    elif parameters.thick_mode is not None:
        thick, reason = parameters.thick_mode, "the connection's thick_mode"
    else:
        thick = is_in(client_dir)
        reason = f"{_LIBRARY} is {'' if thick else 'not '}in {client_dir}"
    return DriverMode(
        client_dir=client_dir if thick else None,
        config_dir=parameters.thick_mode_config_dir,
        reason=reason,
    )


def is_in(client_dir: Path) -> bool:
    """Whether the folder holds a client library, or might: one that may not be read counts."""
    return bool(_libraries(client_dir)) or _is_closed(client_dir)


def validate(client_dir: Path) -> Path:
    """The library in this folder, once it is sure to load.

    Raises NotFoundError that names the first cause why it would not.
    """
    if _is_closed(client_dir):
        raise _unreadable(client_dir, client_dir)
    libraries = _libraries(client_dir)
    if not libraries:
        raise NotFoundError(
            f"There is no {_LIBRARY} in {client_dir}.",
            remedy="Unpack Oracle Instant Client there, correct ETL_ORACLE_CLIENT_DIR, "
            "or set ETL_ORACLE_MODE=thin.",
        )
    library = libraries[0]
    if not os.access(library, os.R_OK):
        raise _unreadable(library, client_dir)
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        raise NotFoundError(
            f"{library} cannot be loaded: {error}.", remedy=_loading_remedy(client_dir, str(error))
        ) from error
    return library


def version(library: Path) -> str:
    """What the library says of itself, such as 19.28.0.0.0. It must be one that loads."""
    parts = [ctypes.c_int() for _ in range(5)]
    ctypes.CDLL(str(library)).OCIClientVersion(*map(ctypes.byref, parts))
    return ".".join(str(part.value) for part in parts)


def _is_closed(client_dir: Path) -> bool:
    """Whether the folder is there, but this user may not look into it."""
    return os.access(client_dir, os.F_OK) and not os.access(client_dir, os.R_OK | os.X_OK)


def _libraries(client_dir: Path) -> list[Path]:
    try:
        return sorted(path for path in client_dir.iterdir() if path.name.startswith(_LIBRARY))
    except OSError:
        return []


def _unreadable(path: Path, client_dir: Path) -> NotFoundError:
    return NotFoundError(
        f"{path} cannot be read by user id {os.geteuid()}.",
        remedy=f"chmod a+rX {client_dir} and the files in it.",
    )


def _loading_remedy(client_dir: Path, reason: str) -> str:
    if "libaio" in reason:
        return "Install libaio; where the system calls it libaio.so.1t64, link libaio.so.1 to it."
    if "cannot open shared object file" in reason:
        return f"Make the loader know the folder: ldconfig or LD_LIBRARY_PATH={client_dir}."
    return "Install Instant Client 19 or later for this machine's architecture, all of its files."
