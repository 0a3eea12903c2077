#pragma once

#include <string>
#include <string_view>

namespace portcall::registry {

std::string EtagOf(std::string_view digest);
// Whether an If-None-Match header names the content (RFC 9110 §13.1.2); the bare digest, without quotes, counts too.
bool NoneMatchNames(std::string_view header, std::string_view digest);

}  // namespace portcall::registry
