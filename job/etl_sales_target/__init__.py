"""Keeps a PostgreSQL table equal to an Oracle table: exact, one snapshot, reconciled before commit."""

__version__ = "0.1.0"
