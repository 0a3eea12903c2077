#include "app/doctor/report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "app/exit_code.h"

namespace portcall::app {
namespace {

using runtime::Finding;
using runtime::Grade;

constexpr std::array<std::string_view, 4> kWords{"ok", "note", "warning", "problem"};
constexpr std::array<Colour, 4> kColours{Colour::kGreen, Colour::kGrey, Colour::kYellow, Colour::kRed};
constexpr std::size_t kGradeWidth = 9, kAreaWidth = 11;

std::string_view WordOf(Grade grade) { return kWords[static_cast<std::size_t>(grade)]; }

std::array<std::size_t, kWords.size()> CountsOf(const Report& report) {
  std::array<std::size_t, kWords.size()> counts{};
  for (const Area& area : report) {
    for (const Finding& finding : area.findings) ++counts[static_cast<std::size_t>(finding.grade)];
  }
  return counts;
}

std::string Padded(std::string_view text, std::size_t width) {
  return std::string(width > text.size() ? width - text.size() : 1, ' ');
}

}  // namespace

Grade WorstOf(const Report& report) {
  Grade worst = Grade::kOk;
  for (const Area& area : report) {
    for (const Finding& finding : area.findings) worst = std::max(worst, finding.grade);
  }
  return worst;
}

int ExitCodeOf(const Report& report) { return WorstOf(report) > Grade::kNote ? kFailed : kDone; }

void Print(const Report& report, std::ostream& out, const Terminal& terminal) {
  for (const Area& area : report) {
    for (const Finding& one : area.findings) {
      const std::string_view word = WordOf(one.grade);
      out << terminal.Paint(word, kColours[static_cast<std::size_t>(one.grade)]) << Padded(word, kGradeWidth)
          << area.name << Padded(area.name, kAreaWidth) << Printable(one.what) << ": " << Printable(one.how) << '\n';
      if (one.grade != Grade::kOk) out << std::string(kGradeWidth + kAreaWidth, ' ') << Printable(one.todo) << '\n';
    }
  }
  const auto counts = CountsOf(report);
  const auto several = [](std::size_t count, std::string_view word) {
    return std::to_string(count) + " " + std::string(word) + (count == 1 ? "" : "s");
  };
  out << several(counts[3], WordOf(Grade::kProblem)) << ", " << several(counts[2], WordOf(Grade::kWarning)) << ", "
      << several(counts[1], WordOf(Grade::kNote)) << "; " << counts[0] << " ok\n";
}

std::string JsonOf(const Report& report) {
  using Json = nlohmann::ordered_json;
  Json findings = Json::array();
  for (const Area& area : report) {
    for (const Finding& one : area.findings) {
      findings.push_back({{"grade", WordOf(one.grade)},
                          {"area", area.name},
                          {"what", one.what},
                          {"how", one.how},
                          {"todo", one.todo.empty() ? Json() : Json(one.todo)}});
    }
  }
  const auto counts = CountsOf(report);
  const Json whole = {{"worst", WordOf(WorstOf(report))},
                      {"problems", counts[3]},
                      {"warnings", counts[2]},
                      {"notes", counts[1]},
                      {"findings", findings}};
  return whole.dump(2, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n";
}

}  // namespace portcall::app
