#include "sinks/kafka/topic_name.h"

#include <array>

#include "config/reader/scalars.h"

namespace portcall::sinks {
namespace {

constexpr std::size_t kLongestTopic = 249;
constexpr std::array<std::string_view, 2> kTopicWords{"action", "kind"};

}  // namespace

std::string WhyBadTopic(std::string_view topic) {
  if (topic.empty()) return "is empty";
  if (topic == "." || topic == "..") return config::Quoted(topic) + " is no topic's name";
  const std::size_t at = topic.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
  if (at != std::string_view::npos) {
    return config::Quoted(topic) + " is no topic's name: it holds letters, digits, . _ and -, not " +
           config::Quoted(topic.substr(at, 1));
  }
  if (topic.size() > kLongestTopic) return "is longer than a topic's name may be (249 bytes)";
  return "";
}

Result<Template> ParseTopic(std::string_view text) { return Template::Parse(text, kTopicWords); }

}  // namespace portcall::sinks
