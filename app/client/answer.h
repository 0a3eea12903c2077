#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::app {

// A JSON text that the server sent, or a part of one. What is missing, or is of another type than asked for, reads as
// empty. Copies share the text.
class Answer {
 public:
  Answer();                                                   // null
  static std::optional<Answer> Parse(std::string_view text);  // nothing: it is no JSON; an empty text is null

  explicit operator bool() const;  // an object
  std::string Text(const char* key) const;
  std::optional<std::int64_t> Number(const char* key) const;
  std::int64_t Count(const char* key) const { return Number(key).value_or(0); }
  bool Flag(const char* key) const;
  Answer Member(const char* key) const;
  std::vector<Answer> List(const char* key) const;

  // As the API has them: a list of some of what it sent; with `next`, a page of it (0: the last one).
  static Answer Of(const char* key, const std::vector<Answer>& items, std::optional<std::int64_t> next = {});
  // Indented, in ASCII alone: nothing in it is a terminal's command.
  std::string Print() const;

 private:
  struct Node;
  explicit Answer(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  std::shared_ptr<const Node> node_;
};

}  // namespace portcall::app
