#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>

namespace portcall::broker {

// Which states of a life cycle may follow which: `kLast` is the enum's last one, and there is a list for each before.
template <auto kLast>
class Followers {
 public:
  using State = decltype(kLast);
  using List = std::initializer_list<State>;

  // By the state before, in the enum's order.
  template <std::size_t kCount>
    requires(kCount == static_cast<std::size_t>(kLast) + 1)
  constexpr explicit Followers(const List (&lists)[kCount]) {
    for (std::size_t i = 0; i < kCount; ++i) bits_[i] = Any(lists[i]);
  }

  constexpr bool May(State from, State to) const { return (bits_[static_cast<std::size_t>(from)] & Any({to})) != 0; }

 private:
  static constexpr unsigned Any(List states) {
    unsigned bits = 0;
    for (const State state : states) bits |= 1u << static_cast<unsigned>(state);
    return bits;
  }

  std::array<unsigned, static_cast<std::size_t>(kLast) + 1> bits_{};
};

}  // namespace portcall::broker
