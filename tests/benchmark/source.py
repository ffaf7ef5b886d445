"""The stand-in for Oracle as a process whose round trips can be made longer.

`python -m benchmark.source DATABASE_URL` prints one line of JSON when it is ready. Each line that
it reads is a delay in milliseconds, from then on added to every execute and fetch, and answered
with an empty line. It ends with its input.
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
            if seconds := float(line) / 1000:
                standin.faults.delay(execute=seconds, fetch=seconds)
            print(flush=True)


if __name__ == "__main__":
    main()
