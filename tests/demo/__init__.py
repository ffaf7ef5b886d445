"""The demo, and the throw-away databases that the tests and the benchmark use as well."""
