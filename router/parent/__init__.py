"""The process that a region's router is to everybody else: it holds the listening sockets, and keeps the processes that serve.

Whatever serves may crash or be replaced: who connects meanwhile waits in the kernel's queue instead of being refused. Knows processes,
sockets and signals; refuses to know HTTP, nodes and regions, and imports next to nothing, so that it is small and hard to kill.
"""
