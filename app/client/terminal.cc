#include "app/client/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <numeric>

#include "runtime/json.h"
#include "runtime/text.h"

namespace portcall::app {
namespace {

constexpr std::size_t kUsualWidth = 80, kGap = 2, kLeast = 6;

std::string_view CodeOf(Colour colour) {
  switch (colour) {
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kGrey:
      return "\x1b[90m";
    case Colour::kNone:
      break;
  }
  return {};
}

std::string ValueOf(const std::map<std::string, std::string>& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::size_t LengthOf(std::string_view printable) {  // in characters
  return static_cast<std::size_t>(std::ranges::count_if(printable, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Cut(std::string_view printable, std::size_t length) {
  if (LengthOf(printable) <= length) return std::string(printable);
  std::string cut;
  for (std::size_t i = 1; i < length; ++i) {
    const std::size_t size = std::max<std::size_t>(1, runtime::FirstRune(printable).size);
    cut += printable.substr(0, size);
    printable.remove_prefix(size);
  }
  return cut + "…";
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const runtime::Rune rune = runtime::FirstRune(text);
    const std::size_t size = std::max<std::size_t>(1, rune.size);
    if (rune.size > 0 && runtime::IsPrintable(rune.value)) {
      shown += text.substr(0, size);
    } else {
      for (const char byte : text.substr(0, size)) {
        shown += "\\x";
        runtime::AppendHex(shown, static_cast<unsigned char>(byte));
      }
    }
    text.remove_prefix(size);
  }
  return shown;
}

Terminal Terminal::Of(const std::map<std::string, std::string>& environment) {
  Terminal terminal;
  const bool is_one = ::isatty(STDOUT_FILENO) == 1;
  if (const auto columns = runtime::ParseNumber<std::size_t>(ValueOf(environment, "COLUMNS")); columns) {
    terminal.width = *columns;
  } else if (is_one) {
    winsize size{};
    const bool told = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    terminal.width = told ? size.ws_col : kUsualWidth;
  }
  terminal.colours = is_one && ValueOf(environment, "NO_COLOR").empty() && ValueOf(environment, "TERM") != "dumb";
  return terminal;
}

std::string Terminal::Paint(std::string_view text, Colour colour) const {
  if (!colours || colour == Colour::kNone) return std::string(text);
  return std::string(CodeOf(colour)) + std::string(text) + "\x1b[0m";
}

void Table::Add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = Printable(cell.text);
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::Widths(std::size_t room) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < titles_.size(); ++i) {
    std::size_t width = LengthOf(titles_[i]);
    for (const auto& row : rows_) width = std::max(width, LengthOf(row[i].text));
    widths.push_back(width);
  }
  const std::size_t gaps = kGap * (titles_.size() - 1);
  while (room > 0 && std::accumulate(widths.begin(), widths.end(), gaps) > room) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= kLeast) break;
    --*widest;
  }
  return widths;
}

void Table::Print(std::ostream& out, const Terminal& terminal) const {
  const std::vector<std::size_t> widths = Widths(terminal.width);
  const auto line = [&](const auto& cells, const auto& text_of, const auto& colour_of) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string cut = Cut(text_of(cells[i]), widths[i]);
      text += terminal.Paint(cut, colour_of(cells[i]));
      if (i + 1 < cells.size()) text.append(widths[i] - LengthOf(cut) + kGap, ' ');
    }
    out << text << '\n';
  };
  line(titles_, [](const std::string& title) { return title; }, [](const std::string&) { return Colour::kGrey; });
  for (const auto& row : rows_) {
    line(row, [](const Cell& cell) { return cell.text; }, [](const Cell& cell) { return cell.colour; });
  }
}

std::string ShowAge(std::int64_t seconds) {
  constexpr std::int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  const auto pair = [](std::int64_t large, const char* unit, std::int64_t small, const char* part) {
    return std::to_string(large) + unit + (small > 0 ? " " + std::to_string(small) + part : "");
  };
  if (seconds < kMinute) return std::to_string(seconds) + "s";
  if (seconds < kHour) return pair(seconds / kMinute, "m", seconds % kMinute, "s");
  if (seconds < kDay) return pair(seconds / kHour, "h", seconds % kHour / kMinute, "m");
  return pair(seconds / kDay, "d", seconds % kDay / kHour, "h");
}

bool CanAsk() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

bool Confirm(const std::string& question, std::ostream& err) {
  err << Printable(question) << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return runtime::EqualsIgnoreCase(answer, "y") || runtime::EqualsIgnoreCase(answer, "yes");
}

}  // namespace portcall::app
