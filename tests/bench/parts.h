#pragma once

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::bench {

// The same work done twice: by code of ours and by a library. A call returns how many operations it did.
struct Part {
  std::string name;
  std::string library;
  double
      wanted;  // the least gain that pays for the code; 0: ours stands for another reason, the gain is for information
  std::function<std::size_t()> ours, theirs;
};

inline constexpr double kPays = 1.5;

std::vector<Part> HttpParts();
std::vector<Part> DeadlineParts();
std::vector<Part> TextParts();

// The compiler must not leave out what nobody looks at.
template <class T>
void Use(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

inline void Expect(bool same, std::string_view what) {
  if (!same) throw std::runtime_error(std::string(what) + ": ours and the library's differ");
}

}  // namespace portcall::bench
