"""What each operation of the API means: one module per operation, each parse, run, render.

The room knows the API and one region's store as `Store` shows it; it refuses to know HTTP, nodes and leaders.
"""
