"""A server that has imported the job and forks a command for each request.

Requests come as JSON lines on standard input: arguments, environ, and a folder. In the folder it
leaves `pid`, `stdout`, `stderr` and in the end `exit`, what the process ended with.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import traceback
import warnings
from io import FileIO
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from etl_sales_target import cli, commands

_running: dict[int, Path] = {}


def main() -> None:
    _import_all()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A handler alone would be called too late for a child that ends just before this process waits.
    ended, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    requests = os.fdopen(0, "rb", buffering=0)
    watched: list[FileIO | int] = [requests, ended]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if ended in ready:
            os.read(ended, 4096)
            _reap()
        if requests in ready:
            if not (line := requests.readline()):
                return
            _fork(json.loads(line))


def _fork(request: dict[str, Any]) -> None:
    pid = os.fork()
    if pid == 0:
        _become_command(request)
    _running[pid] = Path(request["folder"])


def _import_all() -> None:
    """What a run imports, and what it imports only once it is at work."""
    from sqlalchemy import create_engine  # noqa: PLC0415

    for module in iter_modules(commands.__path__, f"{commands.__name__}."):
        importlib.import_module(module.name)
    for url in ("postgresql+psycopg://", "oracle+oracledb://"):
        create_engine(url)
    gc.freeze()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            folder = _running.pop(pid)
            unfinished = folder / "exit.new"
            with contextlib.suppress(FileNotFoundError):  # Nobody waits for it any more.
                unfinished.write_text(str(os.waitstatus_to_exitcode(status)))
                unfinished.rename(folder / "exit")


def _become_command(request: dict[str, Any]) -> None:
    """What the console script does, and the interpreter around it."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    folder = Path(request["folder"])
    os.chdir(folder / "work")
    os.environ.clear()
    os.environ.update(request["environ"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        path = str(folder / name)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    (folder / "pid").symlink_to(str(os.getpid()))
    if "PYTHONWARNINGS" in os.environ:
        warnings.simplefilter(os.environ["PYTHONWARNINGS"])  # type: ignore[arg-type]
    sys.argv[1:] = request["arguments"]
    code = 1
    try:
        cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
