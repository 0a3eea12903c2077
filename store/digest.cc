#include "store/digest.h"

#include <algorithm>

namespace portcall::store {

std::optional<Digest> Digest::Parse(std::string_view text) {
  std::size_t length = 0;
  if (text.starts_with("sha256:")) length = 64;
  if (text.starts_with("sha512:")) length = 128;
  if (length == 0 || text.size() != 7 + length) return std::nullopt;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!std::all_of(text.begin() + 7, text.end(), is_hex)) return std::nullopt;
  return Digest(std::string(text));
}

}  // namespace portcall::store
