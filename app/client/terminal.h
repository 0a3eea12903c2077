#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::app {

// What comes from elsewhere as it may be printed: one line, in which whatever is invisible, or would be a terminal's
// command, is spelled out.
std::string Printable(std::string_view text);

enum class Colour : std::uint8_t { kNone, kGreen, kYellow, kRed, kGrey };

// The terminal that standard output is, if it is one.
struct Terminal {
  std::size_t width = 0;  // characters in a line, 0: no limit
  bool colours = false;

  // By $COLUMNS, the terminal itself, $NO_COLOR and $TERM.
  static Terminal Of(const std::map<std::string, std::string>& environment);
  std::string Paint(std::string_view text, Colour colour) const;
};

// Lines in columns, as wide as the terminal at most: then the widest columns are cut. Cells are made printable.
class Table {
 public:
  struct Cell {
    Cell(std::string t, Colour c = Colour::kNone) : text(std::move(t)), colour(c) {}
    std::string text;
    Colour colour;
  };

  explicit Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}
  void Add(std::vector<Cell> row);  // as many as there are titles
  void Print(std::ostream& out, const Terminal& terminal) const;

 private:
  std::vector<std::size_t> Widths(std::size_t room) const;

  const std::vector<std::string> titles_;
  std::vector<std::vector<Cell>> rows_;
};

// 42s, 5m 3s, 7h 12m, 3d 4h.
std::string ShowAge(std::int64_t seconds);

// Asks on the terminal; false: no, or there is no terminal to ask on.
bool CanAsk();
bool Confirm(const std::string& question, std::ostream& err);

}  // namespace portcall::app
