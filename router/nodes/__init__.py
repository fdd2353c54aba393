"""Calling storage nodes: one stream each way per node, carrying whatever has queued.

The room knows nodes, streams, batches and what became of a request when a stream broke; it refuses to know leaders, tokens and
which request deserves another try. It and `router.gateway` are the only importers of grpc in the router.
"""
