#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::sinks {

// A text as somebody reads it who resolves its escapes, and what of the text as it is each byte stands for.
struct DecodedText {
  std::string text;
  std::vector<std::size_t> begin, end;  // of each byte
};

// The text as it is; as URLs, forms, JSON and HTML are read; and where one of these is written within another. Escapes
// that are none stay as they are. Of a text that was `cut` off, an escape that it ends in the midst of is left out.
std::vector<DecodedText> ReadingsOf(std::string_view text, bool cut);

}  // namespace portcall::sinks
