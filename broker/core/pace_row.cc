#include "broker/core/pace_row.h"

#include <charconv>
#include <system_error>

namespace portcall::broker {
namespace {

// The next word of a line; a word that is no number leaves `number` as it was and is told by false.
bool TakeNumber(std::string_view& line, std::int64_t& number) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

// Lines, each with a name: what is not known to a version is passed over. The error comes last and may have lines.
std::string PaceRow::Write() const {
  if (plain()) return {};
  std::string text = "entry " + entry + "\nfailures " + std::to_string(failures) + "\nrejections " +
                     std::to_string(refusals.in_a_row) + ' ' + (refusals.opened ? '1' : '0') + '\n';
  if (refusals.in_a_row > 0) text += "streak " + std::to_string(refusals.streak) + '\n';
  if (refusals.false_alarms > 0) text += "alarms " + std::to_string(refusals.false_alarms) + '\n';
  if (refusals.alarm) text += "alarm 1\n";
  if (open) {
    text += "open " + std::to_string(open->since) + ' ' + std::to_string(open->probe_at) + ' ' +
            std::to_string(open->failed_probes) + '\n';
  }
  if (floor) text += "floor " + std::to_string(*floor) + '\n';
  if (floor && asked) text += "asked " + std::to_string(*asked) + '\n';
  return text + "error " + error;
}

std::optional<PaceRow> PaceRow::Parse(std::string_view text) {
  PaceRow row;
  bool good = true;
  const auto number = [&good](std::string_view& line) {
    std::int64_t value = 0;
    good = TakeNumber(line, value) && good;
    return value;
  };
  while (!text.empty()) {
    if (text.starts_with("error ")) {
      row.error = text.substr(6);
      break;
    }
    std::string_view line = TakeLine(text);
    const std::size_t space = line.find(' ');
    const std::string_view name = line.substr(0, space);
    line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
    if (name == "entry") row.entry = line;
    if (name == "failures") row.failures = static_cast<int>(number(line));
    if (name == "rejections") {
      row.refusals.in_a_row = static_cast<int>(number(line));
      row.refusals.opened = number(line) != 0;
    }
    if (name == "streak") row.refusals.streak = static_cast<std::uint64_t>(number(line));
    if (name == "alarm") row.refusals.alarm = number(line) != 0;
    if (name == "open") {
      row.open = Open{};
      Open& open = *row.open;
      open.since = number(line);
      open.probe_at = number(line);
      open.failed_probes = static_cast<int>(number(line));
    }
    if (name == "alarms") row.refusals.false_alarms = static_cast<int>(number(line));
    if (name == "floor") row.floor = number(line);
    if (name == "asked") row.asked = number(line);
  }
  good = good && row.failures >= 0 && row.refusals.in_a_row >= 0 && row.refusals.false_alarms >= 0 &&
         (!row.refusals.opened || row.open) && (!row.open || row.open->failed_probes >= 0);
  if (!good || row.plain()) return std::nullopt;
  return row;
}

}  // namespace portcall::broker
