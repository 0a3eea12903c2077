#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"

namespace portcall::sinks {

// The words that an event fills in: action, kind, repository, tag, digest, mediatype, size, actor, id, seq, time
// (RFC 3339), source, image (source/repository with :tag or @digest), reference (tag, else digest), previousdigest,
// url.
std::span<const std::string_view> EventWords();

// Text with words in double braces: `{{source}}/{{repository}}`. Logic-less; braces that stand for themselves are not
// needed by any destination, so `{{` always begins a word. Immutable once parsed.
class Template {
 public:
  // kInvalid: an unclosed or empty word, or one that is not in `known`; names the nearest.
  static Result<Template> Parse(std::string_view text, std::span<const std::string_view> known);

  using Lookup = std::function<std::string(std::string_view word)>;
  using Escape = std::string (*)(std::string_view value);  // applied to words' values, never to the text around them
  std::string Render(const Lookup& lookup, Escape escape = nullptr) const;

  std::vector<std::string_view> words() const;
  bool empty() const { return parts_.empty(); }

 private:
  struct Part {
    bool is_word = false;
    std::string text;
  };
  std::vector<Part> parts_;
};

}  // namespace portcall::sinks
