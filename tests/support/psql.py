"""What psql prints."""

import csv

import psycopg


def printed(url: str, query: str) -> list[list[str]]:
    """The cells of the query's result, the names of the columns first."""
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)".encode()) as copy,
    ):
        text = b"".join(copy).decode()
    return [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
