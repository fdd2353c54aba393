"""Pure functions on items: conditions, updates, projections and what an update returns.

The room knows what an expression tree means for an item. It refuses to know where items are stored, which of their
attributes are keys, and how expression texts look.
"""
