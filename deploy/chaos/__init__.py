"""Faults, workloads and checkers for chaos tests: what breaks, what runs meanwhile, and what must have held."""
