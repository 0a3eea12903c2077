#pragma once

#include <string_view>

namespace portcall::sinks {

// Why a property of librdkafka cannot be set in `properties`: it has a key of its own, or a delivery guarantee needs
// our value. Empty: it can be set.
std::string_view WhyReserved(std::string_view property);
// The value must not be shown.
bool IsSecretProperty(std::string_view name);

}  // namespace portcall::sinks
