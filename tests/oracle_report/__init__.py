"""What a database says of itself and how the tests went against it, in one file that can be shown.

Only what is listed here gets into the file: numbers, names from this repository, error codes, and
the values of a few NLS parameters. A message of a database or a test may hold a row or a secret, so
none is copied.
"""
