"""A stand-in for an Oracle database: Oracle's wire protocol in front, PostgreSQL's rows behind.

The real, unmodified python-oracledb thin driver connects to it, logs in and fetches. Tests, demo
and benchmark all go through it, so nothing of the driver is mocked anywhere.

What it proves. All that the job does with the driver works with the real driver: connections,
login, TLS, binds, fetches in batches, every digit of a NUMBER, timeouts that cancel what runs,
dropped connections, ORA codes. Order and layout of its messages were held against recordings of
real servers: 10.2 for how errors are announced, 23ai for the rest. The job's SQL is Oracle's SQL,
as far as it is known here; what is not known is refused with an ORA code, never answered wrongly.
A snapshot is a real one: SET TRANSACTION READ ONLY is a REPEATABLE READ transaction of PostgreSQL,
and a test may change the source in the middle of a run.

What it cannot prove. Oracle's own SQL engine: its plans, its speed, the rounding of NUMBER between
two operations, implicit conversions (refused here). The values of ORA_HASH are not Oracle's. When
ORA-01555 happens: undo never runs out here, a test orders the error. How long Oracle takes to
cancel a call. Thick mode and Instant Client, native network encryption, and versions other than
19c and 23ai as seen by a driver. No 19c was recorded: what its personality does as others were
seen to do is inferred, and said to be where it is done. For these, run the integration tests on a
real database, which ORACLE_TEST_CONN names.

How to read it, from the socket down:

    server        listens; a thread for each client    auth           the login's cryptography
    session       negotiation, login, which request    requests       a request's bytes -> fields
    generations   what 19c and 23ai can do             messages       answers -> bytes
    conversation  replies, errors, breaks              packets        packets, and reading from them
    calls         execute, fetch, commit of one login  sql_types      statements' kinds, as numbers
    plsql         statements about the session         interruptible  ends what nobody wants
    dialect       SQL -> sqlglot's tree                codec          NUMBER, DATE, lengths: pure
    sql           tree -> PostgreSQL's SQL             binds          bind variables -> literals
    functions     the functions that are known         names          upper case <-> lower case
    store         PostgreSQL: snapshot, cursors        errors         ORA codes, from SQLSTATEs
    result        rows on their way out in fetches     rows           rows -> bytes, in blocks
    cache         encoded answers, by table version    groups         grouped answers, by group
    faults        what a test does to the clients      schema.sql     functions, dictionary, domains
    datatypes     PostgreSQL's types -> Oracle's       dictionary     names, columns, versions
    vectors       columns -> bytes, with numpy         installation   schema.sql into PostgreSQL

Types. `timestamp(0)` is DATE, other types are what they are most like, and what PostgreSQL has no
type for are domains, such as oracle_standin.nvarchar2: datatypes.py lists them all. Three things
PostgreSQL cannot hold at all, and each has a marker: in a text, `NUL` is U+0000 and `MALFORMED` is
a byte that is no UTF-8 (for LENGTH4 either is one character); 29 February 11504 is that of 1500,
a day of Oracle's Julian calendar, and so on for other centuries (see schema.sql). Such a day sorts
behind all others. 5 to 14 October 1582 are days here, in Oracle they are not.

How fast. An answer is encoded once and replayed while its tables stay unchanged, which is known
from triggers on every table; see `python -m benchmark.standin`. With `caching=False` (or
`--no-caching`) every query is PostgreSQL's to answer; what is answered does not change.

By hand, beside a PostgreSQL 17 or newer that you may change (`make databases` starts both):

    python -m oracle_standin --database-url postgresql://... --port 1521

Its schema `apps` is then what the user APPS owns. Names are upper case in Oracle and lower case in
PostgreSQL. Synonyms are rows of `oracle_standin.synonyms`; a row in `oracle_standin.hidden` takes
away the right to read a table. From Python:

    with OracleStandin(database_url) as server:
        server.faults.ora_error(1555, after_rows=1000)
        oracledb.connect(user=server.user, password=server.password, dsn=server.dsn)
"""

from oracle_standin.auth import Account
from oracle_standin.codec import MALFORMED, NUL
from oracle_standin.faults import Faults
from oracle_standin.server import OracleStandin

__all__ = ["MALFORMED", "NUL", "Account", "Faults", "OracleStandin"]
