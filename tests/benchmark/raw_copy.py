"""The ceiling: one COPY of bytes that lie ready in memory. `python -m benchmark.raw_copy`.

The file COPY_FILE holds the rows in COPY's text format. Only the COPY is timed, not the start-up.
"""

import json
import os
import time
from pathlib import Path

import psycopg

BLOCK_BYTES = 128 * 1024


def main() -> None:
    rows = memoryview(Path(os.environ["COPY_FILE"]).read_bytes())
    blocks = [rows[start : start + BLOCK_BYTES] for start in range(0, len(rows), BLOCK_BYTES)]
    with psycopg.connect(os.environ["TARGET_URL"]) as connection:
        connection.execute(
            "CREATE TABLE sales_target (id numeric, product_id numeric, target_month numeric,"
            " target_year numeric, target_amount numeric)"
        )
        start, start_cpu = time.perf_counter(), time.process_time()
        with connection.cursor() as cursor, cursor.copy("COPY sales_target FROM STDIN") as copy:
            for block in blocks:
                copy.write(block)
        said = {
            "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time() - start_cpu,
        }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
