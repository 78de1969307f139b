// SPDX-License-Identifier: Apache-2.0
// Drives the library through its C interfaces with drawn cases: fuzz [--seed N] [--cases N | --minutes M] [--callers N]
// Every case has a seed of its own, the first one's plus its number; where a sanitizer stops the program, the seeds
// that were being tried are printed, and `fuzz --seed N --cases 1` tries one again. Built by scripts/sanitize.sh.
#include <sanitizer/common_interface_defs.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "../../../operators/core/contract/c_api.h"
#include "fronts.h"

namespace fuzz {
namespace {

constexpr int kMostCallers = 16;
std::atomic<uint64_t> trying[kMostCallers];  // seed + 1 of what each caller tries; 0: nothing

void print_seeds() {
  for (const auto& seed : trying) {
    if (seed.load()) std::fprintf(stderr, "fuzz: repeat with --seed %llu --cases 1\n", seed.load() - 1ull);
  }
}

struct Options {
  uint64_t seed = 1;
  int64_t cases = 0;
  double minutes = 0;
  int callers = 1;
};

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = words[i];
    if (name == "--seed")
      options.seed = std::strtoull(words[i + 1], nullptr, 10);
    else if (name == "--cases")
      options.cases = std::atoll(words[i + 1]);
    else if (name == "--minutes")
      options.minutes = std::atof(words[i + 1]);
    else if (name == "--callers")
      options.callers = std::atoi(words[i + 1]);
    else
      std::fprintf(stderr, "fuzz: what is %s?\n", words[i]), std::exit(2);
  }
  if (count % 2 == 0 || options.callers < 1 || options.callers > kMostCallers) {
    std::fprintf(stderr, "fuzz [--seed N] [--cases N | --minutes M] [--callers 1 to %d]\n", kMostCallers);
    std::exit(2);
  }
  if (options.cases == 0 && options.minutes == 0) options.cases = 1000;
  return options;
}

void try_seed(uint64_t seed, Tally* tally, bool alone) {
  Random random(seed);
  if (alone) {  // settings of the whole process
    acn_set_num_threads(random.of({1, 2, 3, 5}));
    acn_set_workspace_bytes(random.chance(0.3) ? 1 : int64_t{64} << 20);
  }
  FuzzCase drawn;
  if (!draw_case(&random, &drawn, &tally->shapes)) return;
  for (int64_t rounds = random.between(1, 12); rounds > 0; --rounds) {  // finding what is accepted takes longest
    switch (random.between(0, 3)) {
      case 0:
        through_mxnet(drawn, &random, tally);
        break;
      case 1:
        through_cuda(drawn, &random, tally);
        break;
      default:
        through_c(drawn, &random, tally);
    }
  }
}

// Whether every operator was reached through every front. (Not where only few cases were tried.)
bool reached_all(const Tally& tally) {
  bool all = true;
  for (const acn::OperatorInfo& info : acn::operators()) {
    for (const char* front : {"C", "MXNet", "CUDA"}) {
      const std::string key = info.name + ", " + front;
      const auto found = tally.done.find(key);
      const int64_t times = found == tally.done.end() ? 0 : found->second;
      std::printf("  %9lld  %s\n", static_cast<long long>(times), key.c_str());
      if (times < tally.calls / 1000 + 1) {
        std::fprintf(stderr, "fuzz: %s is hardly reached: cases.cc does not draw what it takes\n", key.c_str());
        all = false;
      }
    }
  }
  return all;
}

int main(const Options& options) {
  using Clock = std::chrono::steady_clock;
  int level = 0;
  if (acn_instruction_set(&level)) return std::fprintf(stderr, "fuzz: %s\n", acn_last_error()), 2;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(options.minutes * 60);
  std::atomic<int64_t> next{0};
  std::mutex lock;
  Tally total;
  acn_set_num_threads(3);
  const auto work = [&](int caller) {
    Tally tally;
    for (int64_t number; (number = next.fetch_add(1)), options.cases ? number < options.cases : Clock::now() < end;) {
      const uint64_t seed = options.seed + static_cast<uint64_t>(number);
      trying[caller].store(seed + 1);
      try_seed(seed, &tally, options.callers == 1);
      trying[caller].store(0);
    }
    const std::lock_guard<std::mutex> hold(lock);
    total.calls += tally.calls, total.refused += tally.refused, total.shapes += tally.shapes;
    for (const auto& [key, count] : tally.done) total.done[key] += count;
  };
  std::vector<std::thread> others;
  for (int caller = 1; caller < options.callers; ++caller) others.emplace_back(work, caller);
  work(0);
  for (std::thread& other : others) other.join();
  std::printf(
      "fuzz: %lld calls of forward and backward (%lld refused), %lld others, seeds from %llu, %d callers, level "
      "v%d, %.0f s: no finding\n",
      static_cast<long long>(total.calls), static_cast<long long>(total.refused), static_cast<long long>(total.shapes),
      static_cast<unsigned long long>(options.seed), options.callers, level,
      std::chrono::duration<double>(Clock::now() - start).count());
  if (total.calls < 10000) return 0;
  return reached_all(total) ? 0 : 1;
}

}  // namespace

void finding(const std::string& what, const FuzzCase& drawn) {
  std::fprintf(stderr, "fuzz: %s: %s\n", what.c_str(), drawn.text().c_str());
  print_seeds();
  std::abort();
}

}  // namespace fuzz

int main(int count, char** words) {
  __sanitizer_set_death_callback(fuzz::print_seeds);
  return fuzz::main(fuzz::parse(count, words));
}
