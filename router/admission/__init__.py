"""Capacity: what a request costs, and whether the table may spend it.

Empty for now: capacity is reported and nothing is throttled.
"""
