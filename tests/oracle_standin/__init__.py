"""A stand-in for an Oracle database: Oracle's wire protocol in front, PostgreSQL's rows behind.

The unmodified python-oracledb thin driver connects to it. Read `server` (who listens), then
`session` (one client's conversation), then `sql` and `store` (where the answers come from).
"""

from oracle_standin.auth import Account
from oracle_standin.faults import Faults
from oracle_standin.server import OracleStandin

__all__ = ["Account", "Faults", "OracleStandin"]
