"""Every kind of error that a command can end with."""

import importlib
import pkgutil

import etl_sales_target
from etl_sales_target.core.errors import Failure


def error_kinds() -> list[type[Failure]]:
    """All classes below Failure, in whichever module of the job they are."""
    for module in pkgutil.walk_packages(etl_sales_target.__path__, "etl_sales_target."):
        importlib.import_module(module.name)
    kinds: list[type[Failure]] = Failure.__subclasses__()
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    return kinds


def exit_codes() -> set[int]:
    """The exit codes of all kinds."""
    return {kind.exit_code for kind in error_kinds()}
