"""The stand-in as a process: `python -m oracle_standin --database-url URL [--port N]`.

It prints one line of JSON when it is ready, and runs until SIGTERM or SIGINT.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from oracle_standin import OracleStandin


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="oracle_standin", description=__doc__)
    parser.add_argument("--database-url", required=True, help="the PostgreSQL with the rows")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--user", default="apps")
    parser.add_argument("--password", default="apps-secret")
    parser.add_argument("--service-name", default="EBS")
    parser.add_argument("--protocol", choices=["19c", "23ai"], default="19c")
    parser.add_argument(
        "--no-caching", dest="caching", action="store_false", help="run every query anew"
    )
    options = vars(parser.parse_args(arguments))
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with OracleStandin(options.pop("database_url"), **options) as standin:
        shown = ("dsn", "host", "port", "service_name", "user", "password")
        print(json.dumps({name: getattr(standin, name) for name in shown}), flush=True)
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
