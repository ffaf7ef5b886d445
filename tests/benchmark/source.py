"""The stand-in for Oracle as a process that can be made slower.

`python -m benchmark.source DATABASE_URL` prints one line of JSON when it is ready. Each line that
it reads is a JSON object, answered with an empty line: from then on, `delay` milliseconds are
added to every execute and fetch, and a session sends at most `rows_per_second` rows (0: any
number). It ends with its input.
"""

import json
import sys

from oracle_standin import OracleStandin


def main() -> None:
    with OracleStandin(sys.argv[1]) as standin:
        uri = f"{standin.user}:{standin.password}@{standin.dsn}"
        print(json.dumps({"uri": f"oracle://{uri}"}), flush=True)
        for line in sys.stdin:
            standin.faults.clear()
            pace = json.loads(line)
            seconds, rows = pace["delay"] / 1000, pace["rows_per_second"]
            standin.faults.delay(execute=seconds, fetch=seconds, row=1 / rows if rows else 0)
            print(flush=True)


if __name__ == "__main__":
    main()
