// SPDX-License-Identifier: Apache-2.0
// One pool of threads for the whole library. It survives fork, serves several
// callers at once and never decides a result: what a task computes must not
// depend on which thread runs it or how many there are.
#pragma once

#include <cstdint>
#include <functional>

namespace acn {

constexpr int kMostThreads = 1024;  // each costs scratch memory

int num_threads();                // ACTIVE_CONVNETS_NUM_THREADS, else OMP_NUM_THREADS, else
                                  // the cores this process may use
void set_num_threads(int count);  // 0 returns to that default

// Calls body(task, worker) for every task in [0, tasks) and returns when all
// are done. `worker` is in [0, workers) and no two bodies run at once with the
// same one, so it may index scratch memory. The first exception is rethrown
// here.
void parallel_for(int64_t tasks, int workers, const std::function<void(int64_t task, int worker)>& body);

// How many workers a job of this many tasks can use.
int workers_for(int64_t tasks);

inline void parallel_for(int64_t tasks, const std::function<void(int64_t task, int worker)>& body) {
  parallel_for(tasks, workers_for(tasks), body);
}

}  // namespace acn
