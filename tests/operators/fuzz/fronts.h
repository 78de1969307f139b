// SPDX-License-Identifier: Apache-2.0
// The ways into the library: the C interface that NumPy and PyTorch call, the callbacks that MXNet calls, and the C
// interface of the CUDA library, built for the host. Each runs one drawn case, right and sometimes wrong.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cases.h"

namespace fuzz {

// What was done, by operator and front.
struct Tally {
  int64_t calls = 0;                    // of forward or backward
  int64_t refused = 0;                  // of those, with an error
  int64_t shapes = 0;                   // other calls
  std::map<std::string, int64_t> done;  // operator and front -> calls that were not refused

  void count(const FuzzCase& drawn, const char* front, bool accepted) {
    ++calls;
    if (accepted) ++done[drawn.name + ", " + front];
    refused += !accepted;
  }
};

[[noreturn]] void finding(const std::string& what, const FuzzCase& drawn);

void through_c(const FuzzCase& drawn, Random* random, Tally* tally);
void through_mxnet(const FuzzCase& drawn, Random* random, Tally* tally);
void through_cuda(const FuzzCase& drawn, Random* random, Tally* tally);

// The arrays of one case. Gradients start from numbers of their own, so that adding shows.
struct Arrays {
  std::vector<Array> inputs, grads;
  Array output, head;
  Arrays(const FuzzCase& drawn, acn::DType dtype, Random* random);
};

}  // namespace fuzz
