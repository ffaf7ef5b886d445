"""The target. The only package that imports psycopg."""
