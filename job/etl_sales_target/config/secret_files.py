"""Secrets in files, as Kubernetes mounts them: a file named as the variable wins over it."""

from collections.abc import Mapping
from pathlib import Path

from etl_sales_target.config.encoding import as_utf8
from etl_sales_target.core.errors import ConfigurationError


def find(name: str, environ: Mapping[str, str], directory: Path) -> tuple[str, str] | None:
    """The text of the file of this name in `directory`, else of the variable, and where it stood.

    None where there is neither. Raises ConfigurationError where the file cannot be read.
    """
    file = directory / name
    text = _read_file(file)
    if text is not None:
        return text, str(file)
    return (_read_variable(name, environ), name) if name in environ else None


def read_secret(name: str, environ: Mapping[str, str], directory: Path) -> str | None:
    """The secret of this name, without white space around it; None where there is none.

    Raises ConfigurationError where its file cannot be read.
    """
    found = find(name, environ, directory)
    return (found[0].strip() or None) if found else None


def _read_variable(name: str, environ: Mapping[str, str]) -> str:
    try:
        return as_utf8(environ[name])
    except UnicodeError:
        pass
    # Raised here and not above, as below.
    raise ConfigurationError(f"The variable {name} cannot be read.", remedy="It must be UTF-8.")


def _read_file(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = str(error.strerror)
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    # Raised here and not above: a decoding error carries the file's content.
    raise ConfigurationError(
        f"The file {path} cannot be read: {reason}.",
        remedy="It must be UTF-8 text that this user may read.",
    )
