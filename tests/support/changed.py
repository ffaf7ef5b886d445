"""The command in a process of its own with a part of it changed, such as a constant of seconds."""

import sys


def changed(script: str) -> list[str]:
    """What `Job.through` takes: a Python that runs this first, and then becomes the command."""
    become = (
        "import sys\n"
        "from etl_sales_target import cli\n"
        'sys.argv[1:] = sys.argv[sys.argv.index("etl_sales_target") + 1 :]\n'
        "cli.main()\n"
    )
    return [sys.executable, "-c", f"{script}\n{become}"]


# A lineage server is given up so soon: a try of its transport, and the whole of an event.
LINEAGE_SECONDS = 2
IMPATIENT_WITH_LINEAGE = changed(
    "from etl_sales_target.reporting import lineage\n"
    'lineage._TRANSPORT["timeout"] = 1\n'
    f"lineage._LONGEST_SECONDS = {LINEAGE_SECONDS}\n"
)
