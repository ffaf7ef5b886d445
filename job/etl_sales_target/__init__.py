"""Keeps a PostgreSQL table equal to an Oracle table: exact, from one snapshot, reconciled."""

__version__ = "0.1.0"
