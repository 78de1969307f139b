# SPDX-License-Identifier: Apache-2.0
"""Times the operators beside other implementations of the same operation: ``python -m benchmarks.operators --help``.

The method stands in benchmarks/README.md. The driver (arguments, suites, workers, measure, table) computes nothing;
each engine runs in a process of its own (worker), so that no library's threads, allocator or settings touch another's.
"""
