"""Expression texts become trees: DynamoDB's condition, filter, key condition, projection and update languages.

The room knows the languages, what AWS refuses in them and in which words. It is pure, and it refuses to know tables (but for the
key schema a key condition is held against), items, and how trees are evaluated. `RequestExpressions` is the door.
"""
