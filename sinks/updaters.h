#pragma once

#include <string_view>

namespace portcall::sinks {

// Whether a format is what image updaters read. Those deploy Helm charts and Flux's artifacts as well as images.
bool IsForUpdaters(std::string_view format);

}  // namespace portcall::sinks
