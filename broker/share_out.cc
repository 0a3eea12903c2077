#include "broker/share_out.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace portcall::broker {

// The modest first: what they leave makes the parts of the others larger.
std::vector<int> ShareOut(int all, const std::vector<int>& wanted) {
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t one) { return std::pair(wanted[one], one); });
  std::vector<int> shares(wanted.size(), 0);
  auto others = static_cast<int>(wanted.size());
  for (const std::size_t one : order) {
    const int part = std::max(1, all / others--);
    shares[one] = std::min(wanted[one], part);
    all = std::max(0, all - shares[one]);
  }
  return shares;
}

}  // namespace portcall::broker
