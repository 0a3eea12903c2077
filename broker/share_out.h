#pragma once

#include <vector>

namespace portcall::broker {

// Divides `all` among those who want so many: no one gets more than it wants, and what one leaves goes to the others in
// equal parts. Whoever wants any gets one at least, so that where `all` is too small for that more is given.
std::vector<int> ShareOut(int all, const std::vector<int>& wanted);

}  // namespace portcall::broker
