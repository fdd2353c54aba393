"""The `globetable` command: what people and scripts type. Talks to processes through their admin RPCs and the process table."""
