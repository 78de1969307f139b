// SPDX-License-Identifier: Apache-2.0
// Vectors of the compiler's own. The files of this folder are compiled once per
// level (ACN_LEVEL = v2, v3, v4); to keep one level's code out of another's,
// they share no inline function with the rest of the library.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define ACN_INLINE static inline __attribute__((always_inline))

namespace acn {
namespace ACN_LEVEL {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T, int kBytes = kVectorBytes>
struct Simd {
  static constexpr int kLanes = kBytes / sizeof(T);
  typedef T V __attribute__((vector_size(kBytes)));
  typedef T Unaligned __attribute__((vector_size(kBytes), aligned(sizeof(T)), may_alias));

  ACN_INLINE V load(const T* place) { return *reinterpret_cast<const Unaligned*>(place); }
  ACN_INLINE void store(T* place, V value) { *reinterpret_cast<Unaligned*>(place) = value; }
  ACN_INLINE V all(T value) { return value - V{}; }
  // place: aligned to the vector. A reader elsewhere waits for finish_streaming().
  ACN_INLINE void stream(T* place, V value) {
#if defined(__AVX512F__)
    if constexpr (kBytes == 64) return _mm512_stream_si512(reinterpret_cast<__m512i*>(place), (__m512i)value);
#endif
#if defined(__AVX__)
    if constexpr (kBytes == 32) return _mm256_stream_si256(reinterpret_cast<__m256i*>(place), (__m256i)value);
#endif
#if defined(__SSE2__)
    if constexpr (kBytes == 16) return _mm_stream_si128(reinterpret_cast<__m128i*>(place), (__m128i)value);
#endif
    store(place, value);
  }
};

ACN_INLINE void finish_streaming() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// Halves are added until one number is left: a fixed order.
template <class T, int kBytes = kVectorBytes>
ACN_INLINE T sum_lanes(typename Simd<T, kBytes>::V v) {
  if constexpr (kBytes == 2 * sizeof(T)) {
    return v[0] + v[1];
  } else {
    typename Simd<T, kBytes / 2>::V half[2];
    std::memcpy(half, &v, kBytes);
    return sum_lanes<T, kBytes / 2>(half[0] + half[1]);
  }
}

}  // namespace ACN_LEVEL
}  // namespace acn
