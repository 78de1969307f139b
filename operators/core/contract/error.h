// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>

namespace acn {

// The one exception of the library: a user's argument is wrong. Its text
// reaches Python unchanged.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The parts as one text, which no locale of the program changes.
template <class... Parts>
std::string joined(const Parts&... parts) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  (text << ... << parts);
  return text.str();
}

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(joined(parts...));
}

template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(parts...);
}

}  // namespace acn
