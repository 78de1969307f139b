# SPDX-License-Identifier: Apache-2.0
"""What limits training on many devices: counts, measurements and a model. Its text is docs/scaling.md.

python -m benchmarks.scaling measure   measures this machine's part, into benchmarks/results/scaling.json (minutes)
python -m benchmarks.scaling show      writes the tables of docs/scaling.md and draws its picture from that file
"""
