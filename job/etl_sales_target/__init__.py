"""Keeps a PostgreSQL table equal to an Oracle table: exact, one snapshot, proven before commit."""

__version__ = "0.1.0"
