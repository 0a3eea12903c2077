#include "app/client/answer.h"

#include <nlohmann/json.hpp>

namespace portcall::app {

using Json = nlohmann::json;

struct Answer::Node {
  Json json;
};

namespace {

const Json* Find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

Answer::Answer() : node_(std::make_shared<const Node>()) {}

std::optional<Answer> Answer::Parse(std::string_view text) {
  if (text.empty()) return Answer();
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return std::nullopt;
  return Answer(std::make_shared<const Node>(Node{std::move(json)}));
}

Answer::operator bool() const { return node_->json.is_object(); }

std::string Answer::Text(const char* key) const {
  const Json* found = Find(node_->json, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::int64_t> Answer::Number(const char* key) const {
  const Json* found = Find(node_->json, key);
  return found != nullptr && found->is_number_integer() ? std::optional(found->get<std::int64_t>()) : std::nullopt;
}

bool Answer::Flag(const char* key) const {
  const Json* found = Find(node_->json, key);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

Answer Answer::Member(const char* key) const {
  const Json* found = Find(node_->json, key);
  return found == nullptr ? Answer() : Answer(std::make_shared<const Node>(Node{*found}));
}

std::vector<Answer> Answer::List(const char* key) const {
  std::vector<Answer> items;
  const Json* found = Find(node_->json, key);
  if (found == nullptr || !found->is_array()) return items;
  for (const Json& item : *found) items.push_back(Answer(std::make_shared<const Node>(Node{item})));
  return items;
}

Answer Answer::Of(const char* key, const std::vector<Answer>& items, std::optional<std::int64_t> next) {
  Json list = Json::array();
  for (const Answer& item : items) list.push_back(item.node_->json);
  Json whole = Json::object();
  whole[key] = std::move(list);
  if (next) whole["next"] = *next > 0 ? Json(*next) : Json();
  return Answer(std::make_shared<const Node>(Node{std::move(whole)}));
}

std::string Answer::Print() const {
  return node_->json.dump(2, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n";
}

}  // namespace portcall::app
