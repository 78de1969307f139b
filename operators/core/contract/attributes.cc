// SPDX-License-Identifier: Apache-2.0
#include "attributes.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "error.h"
#include "tensor.h"

namespace acn {
namespace {

std::string trimmed(const std::string& text) {
  size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

bool parse_number(const std::string& raw, int64_t* value) {
  std::string text = trimmed(raw);
  if (text.size() > 1 && text.back() == 'L') text.pop_back();  // Python 2 wrote long integers so
  char* end = nullptr;
  errno = 0;
  long long parsed = std::strtoll(text.c_str(), &end, 10);
  *value = parsed;
  return !text.empty() && *end == '\0' && errno == 0;
}

// "(3, 3)", "[3, 3]", "3, 3" and "3"; a trailing comma is Python's way to write
// a tuple of one.
bool parse(const std::string& raw, IntList* list) {
  std::string text = trimmed(raw);
  if (!text.empty() && (text.front() == '(' || text.front() == '[')) {
    char close = text.front() == '(' ? ')' : ']';
    if (text.size() < 2 || text.back() != close) return false;
    text = trimmed(text.substr(1, text.size() - 2));
  }
  list->clear();
  while (!text.empty()) {
    size_t comma = text.find(',');
    int64_t number;
    if (!parse_number(text.substr(0, comma), &number)) return false;
    list->push_back(number);
    text = comma == std::string::npos ? "" : trimmed(text.substr(comma + 1));
  }
  return true;
}

bool parse(const std::string& text, Pair* pair) {
  IntList list;
  if (!parse(text, &list) || list.size() != 2) return false;
  *pair = {list[0], list[1]};
  return true;
}

bool parse(const std::string& text, int64_t* number) { return parse_number(text, number); }

bool parse(const std::string& raw, double* number) {
  const std::string text = trimmed(raw);
  const char *begin = text.data(), *const end = begin + text.size();
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') ++begin;
  const auto parsed = std::from_chars(begin, end, *number);  // not strtod, which asks the locale for its decimal point
  return parsed.ec == std::errc() && parsed.ptr == end && std::isfinite(*number);
}

bool parse(const std::string& raw, bool* flag) {
  std::string text = trimmed(raw);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  *flag = text == "true" || text == "1";
  return *flag || text == "false" || text == "0";
}

std::string format(const IntList& list) { return to_string(list); }
std::string format(const Pair& pair) { return format(IntList(pair.begin(), pair.end())); }
std::string format(int64_t number) { return std::to_string(number); }
std::string format(bool flag) { return flag ? "True" : "False"; }
std::string format(double number) { return joined(number); }

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row.back();
}

// What to say of an unknown attribute: the nearest one if it is near enough to have been meant, else all there are.
std::string advice(const std::string& name, const std::vector<AttributeInfo>& declared) {
  constexpr size_t kLongest = 40;  // the distance of long names takes long
  const AttributeInfo* nearest = nullptr;
  size_t least = (name.size() + 1) / 3 + 1;  // a third of the letters may be wrong
  std::string all;
  for (const AttributeInfo& info : declared) {
    all += (all.empty() ? "" : ", ") + info.name;
    const size_t distance = name.size() > kLongest ? least : edit_distance(name, info.name);
    if (distance < least) nearest = &info, least = distance;
  }
  return nearest ? "; the nearest known one is '" + nearest->name + "'" : "; the attributes are " + all;
}

// As much of a user's text as an error needs.
std::string shown(const std::string& text) {
  constexpr size_t kMost = 200;
  return text.size() <= kMost ? text : text.substr(0, kMost) + "... (" + std::to_string(text.size()) + " letters)";
}

// MXNet keeps scheduling hints (__lr_mult__, __ctx_group__, ...) among a node's
// attributes.
bool is_hint(const std::string& name) {
  return name.size() > 4 && name.compare(0, 2, "__") == 0 && name.compare(name.size() - 2, 2, "__") == 0;
}

}  // namespace

Attributes::Attributes(std::string operator_name, AttributeStrings given, Mode mode)
    : operator_name_(std::move(operator_name)), given_(std::move(given)), mode_(mode) {}

template <class T>
void Attributes::declare(const char* name, T* field, const char* type, const char* doc, bool required) {
  declared_.push_back({name, type, required ? "" : format(*field), doc, required});
  if (mode_ == Mode::kDescribe) return;
  auto given = given_.find(name);
  if (given == given_.end()) {
    if (required && missing_.empty()) missing_ = std::string("attribute '") + name + "' is missing; it must be " + type;
    return;
  }
  require(parse(given->second, field), operator_name_, ": attribute '", name, "' must be ", type, ", got '",
          shown(given->second), "'");
}

void Attributes::required(const char* name, Pair* field, const char* doc) {
  declare(name, field, "a pair of integers (y, x)", doc, true);
}
void Attributes::required(const char* name, int64_t* field, const char* doc) {
  declare(name, field, "an integer", doc, true);
}
void Attributes::required(const char* name, double* field, const char* doc) {
  declare(name, field, "a number", doc, true);
}
void Attributes::optional(const char* name, Pair* field, const char* doc) {
  declare(name, field, "a pair of integers (y, x)", doc, false);
}
void Attributes::optional(const char* name, int64_t* field, const char* doc) {
  declare(name, field, "an integer", doc, false);
}
void Attributes::optional(const char* name, double* field, const char* doc) {
  declare(name, field, "a number", doc, false);
}
void Attributes::optional(const char* name, bool* field, const char* doc) {
  declare(name, field, "True or False", doc, false);
}
void Attributes::optional(const char* name, IntList* field, const char* doc) {
  declare(name, field, "a tuple of integers", doc, false);
}

void Attributes::choice(const char* name, std::string* field, const std::vector<std::string>& choices,
                        const char* doc) {
  std::string type = "one of";
  for (size_t i = 0; i < choices.size(); ++i) type += (i ? ", '" : " '") + choices[i] + "'";
  declared_.push_back({name, type, *field, doc, false});
  if (mode_ == Mode::kDescribe) return;
  auto given = given_.find(name);
  if (given == given_.end()) return;
  *field = trimmed(given->second);
  require(std::find(choices.begin(), choices.end(), *field) != choices.end(), operator_name_, ": attribute '", name,
          "' must be ", type, ", got '", shown(given->second), "'");
}

bool Attributes::finish() const {
  if (mode_ == Mode::kDescribe) return false;
  for (const auto& given : given_) {
    const std::string& name = given.first;
    if (is_hint(name)) continue;
    const auto known = [&](const AttributeInfo& info) { return info.name == name; };
    if (std::any_of(declared_.begin(), declared_.end(), known)) continue;
    fail(operator_name_, ": unknown attribute '", shown(name), "' (value '", shown(given.second), "')",
         advice(name, declared_));
  }
  require(missing_.empty(), operator_name_, ": ",
          missing_);  // after misspelt names, which explain it
  return true;
}

}  // namespace acn
