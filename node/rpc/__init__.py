"""The node's network edge: streams of requests, of consensus messages, of catalog deltas, and administration.

The only importer of grpc in the node. It knows how messages travel and what happens when a queue is full or a stream breaks; it
refuses to know what any of them means.
"""
