#include "sinks/formats/template.h"

#include <algorithm>
#include <array>

#include "config/reader/scalars.h"
#include "runtime/text.h"

namespace portcall::sinks {
namespace {

constexpr std::array<std::string_view, 16> kEventWords{
    "action", "kind", "repository", "tag",    "digest", "mediatype", "size",           "actor",
    "id",     "seq",  "time",       "source", "image",  "reference", "previousdigest", "url"};

}  // namespace

std::span<const std::string_view> EventWords() { return kEventWords; }

Result<Template> Template::Parse(std::string_view text, std::span<const std::string_view> known) {
  Template parsed;
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    if (open != 0) parsed.parts_.push_back({false, std::string(text.substr(0, open))});
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find("}}", open + 2);
    if (close == std::string_view::npos) return Error(Errc::kInvalid, "{{ without }}");
    const std::string_view word = runtime::Trim(text.substr(open + 2, close - open - 2), " ");
    if (std::ranges::find(known, word) == known.end()) {
      const std::string_view near = config::Nearest(word, known);
      const std::string quoted = config::Quoted(word);
      return Error(Errc::kInvalid, "{{" + quoted.substr(1, quoted.size() - 2) + "}} is not known here" +
                                       (near.empty() ? "" : "; did you mean {{" + std::string(near) + "}}?"));
    }
    parsed.parts_.push_back({true, std::string(word)});
    text.remove_prefix(close + 2);
  }
  return parsed;
}

std::string Template::Render(const Lookup& lookup, Escape escape) const {
  std::string out;
  for (const Part& part : parts_) {
    if (!part.is_word) {
      out += part.text;
    } else {
      const std::string value = lookup(part.text);
      out += escape == nullptr ? value : escape(value);
    }
  }
  return out;
}

std::vector<std::string_view> Template::words() const {
  std::vector<std::string_view> found;
  for (const Part& part : parts_) {
    if (part.is_word) found.push_back(part.text);
  }
  return found;
}

}  // namespace portcall::sinks
