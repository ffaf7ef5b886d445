"""Faults on purpose: a proxy in front of each database, signals, and what must hold after them."""
