"""What a router tells about itself: its metrics by name, and what the rooms below have counted, read when somebody asks.

Knows every room's numbers and how they are called. Refuses to count anything itself, and to know how numbers travel.
"""
