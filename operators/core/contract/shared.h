// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the CPU library offers to the CUDA library that is linked to it; all else in it is hidden.
#define ACN_SHARED __attribute__((visibility("default")))
