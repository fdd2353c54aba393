"""Change records: how a partition's change log is stored, read and trimmed.

Knows rows and pages of changes. Refuses to know why a change was made and who reads it.
"""
