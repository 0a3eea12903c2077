#pragma once

#include <string>
#include <string_view>

namespace portcall::sinks {

// Appends `text` as a JSON string exactly as Go's encoding/json writes it by default: <, > and & escaped, U+2028 and
// U+2029 too, bytes that are no UTF-8 as \ufffd.
void AppendGoString(std::string& out, std::string_view text);

}  // namespace portcall::sinks
