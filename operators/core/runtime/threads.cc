// SPDX-License-Identifier: Apache-2.0
#include "threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace acn {
namespace {

int default_threads() {
  for (const char* name : {"ACTIVE_CONVNETS_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* text = std::getenv(name);
    const long count = text ? std::strtol(text, nullptr, 10) : 0;
    if (count > 0) return static_cast<int>(std::min<long>(count, kMostThreads));
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  return std::max(1u, std::thread::hardware_concurrency());
}

std::atomic<int> requested_threads{0};
// Found out by the first call that asks, or by several, which find the same. Not a function's static object: a process
// that is forked while one of its threads makes that would wait for it for ever.
std::atomic<int> fallback_threads{0};

struct Job {
  int64_t tasks;
  int workers;
  const std::function<void(int64_t, int)>* body;
  std::atomic<int64_t> next{0};
  int joined = 1;   // workers that ever took a number; the caller is number 0.
                    // Guarded by the pool's mutex.
  int running = 0;  // pool threads inside this job. Guarded by the pool's mutex.
  std::condition_variable idle;
  std::exception_ptr error;  // guarded by the pool's mutex

  bool wants_worker() const { return joined < workers && next.load(std::memory_order_relaxed) < tasks; }
};

class Pool {
 public:
  void run(const std::shared_ptr<Job>& job) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      jobs_.push_back(job);
      grow(job->workers - 1);
    }
    for (int i = 1; i < job->workers; ++i) wake_.notify_one();
    take_tasks(job.get(), 0);
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.erase(std::find(jobs_.begin(), jobs_.end(), job));
    job->idle.wait(lock, [&] { return job->running == 0; });
    if (job->error) std::rethrow_exception(job->error);
  }

 private:
  // Towards so many threads. Where the system gives no more (a limit on processes, on memory), fewer do the work: the
  // caller takes tasks in any case.
  void grow(int wanted) {
    try {
      for (; threads_ < wanted; ++threads_) std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {
    }
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      auto found = std::find_if(jobs_.begin(), jobs_.end(), [](auto& job) { return job->wants_worker(); });
      if (found == jobs_.end()) {
        wake_.wait(lock);
        continue;
      }
      std::shared_ptr<Job> job = *found;
      int worker = job->joined++;
      ++job->running;
      lock.unlock();
      take_tasks(job.get(), worker);
      lock.lock();
      if (--job->running == 0) job->idle.notify_all();
    }
  }

  void take_tasks(Job* job, int worker) {
    try {
      for (int64_t task; (task = job->next.fetch_add(1)) < job->tasks;) (*job->body)(task, worker);
    } catch (...) {
      job->next.store(job->tasks);  // the others stop at their next task
      std::lock_guard<std::mutex> lock(mutex_);
      if (!job->error) job->error = std::current_exception();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> jobs_;
  int threads_ = 0;
};

// Never destroyed: MXNet's threads may still call in while the process exits. A
// forked child has none of its parent's threads and cannot trust its locks, so
// it starts with a pool of its own. (A fork from inside a task would return into
// the parent's pool; tasks are this library's own loops, and none of them forks.)
Pool* pool = new Pool;
const int fork_handler = pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });

}  // namespace

int num_threads() {
  if (const int count = requested_threads.load()) return count;
  if (fallback_threads.load() == 0) fallback_threads.store(default_threads());
  return fallback_threads.load();
}

void set_num_threads(int count) { requested_threads.store(std::clamp(count, 0, kMostThreads)); }

int workers_for(int64_t tasks) {
  return static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(tasks, num_threads())));
}

void parallel_for(int64_t tasks, int workers, const std::function<void(int64_t, int)>& body) {
  if (tasks <= 0) return;
  if (workers <= 1) {
    for (int64_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  auto job = std::make_shared<Job>();
  job->tasks = tasks;
  job->workers = workers;
  job->body = &body;
  pool->run(job);
}

}  // namespace acn
