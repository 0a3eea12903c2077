#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/json.h"
#include "store/event.h"

namespace portcall::app {

// What the API's shapes have in common: what has no value is null.

void TextOrNull(runtime::JsonWriter& json, std::string_view key, std::string_view text);
void NumberOrNull(runtime::JsonWriter& json, std::string_view key, std::int64_t number);
void TimeOrNull(runtime::JsonWriter& json, std::string_view key, std::int64_t nanos);
void WriteEventMembers(runtime::JsonWriter& json, const store::Event& event);

// One object, as all answers are.
template <class F>
std::string Object(const F& members) {
  std::string text;
  runtime::JsonWriter json(text, runtime::JsonSpelling::kLog);
  json.Begin();
  members(json);
  json.End();
  text += '\n';
  return text;
}

}  // namespace portcall::app
