#include "config/reader/transcript.h"

#include <algorithm>
#include <map>

#include "runtime/bytes.h"

namespace portcall::config {
namespace {

// With its length before it, so that no two lists of texts look the same.
void Append(std::string& out, std::string_view text) {
  out.append(std::to_string(text.size())).append(":").append(text);
}

std::string Canonical(const Value& value) {
  std::string out;
  switch (value.kind) {
    case Value::Kind::kNull:
      break;
    case Value::Kind::kScalar:
      out = value.quoted ? "'" : "=";
      out += value.text;
      break;
    case Value::Kind::kList:
      out = "[";
      for (const Value& item : value.items) Append(out, Canonical(item));
      break;
    case Value::Kind::kMap: {
      std::vector<std::pair<std::string_view, std::string>> members;
      for (const Member& member : value.members) {
        if (member.value.kind != Value::Kind::kNull) members.emplace_back(member.key, Canonical(member.value));
      }
      std::ranges::sort(members);
      out = "{";
      for (const auto& [key, text] : members) {
        Append(out, key);
        Append(out, text);
      }
      break;
    }
  }
  return out;
}

}  // namespace

void Transcript::Note(std::string_view key, std::string_view text) {
  if (key.starts_with(entry_)) key.remove_prefix(entry_.size());
  notes_.emplace(key, text);
}

void Transcript::Note(std::string_view key, const std::vector<std::string>& items) {
  std::string all;
  for (const std::string& item : items) Append(all, item);
  Note(key, std::string_view(all));
}

void Transcript::Note(std::string_view key, const HeaderList& headers) {
  std::string all;
  for (const auto& [name, value] : std::multimap<std::string_view, std::string_view>(headers.begin(), headers.end())) {
    Append(all, name);
    Append(all, value);
  }
  Note(key, std::string_view(all));
}

void Transcript::Note(std::string_view key, const Value& value) { Note(key, std::string_view(Canonical(value))); }

std::string Transcript::Fingerprint() const {
  std::string all;
  for (const auto& [key, text] : notes_) {
    Append(all, key);
    Append(all, text);
  }
  return runtime::HashHex("sha256", all);
}

}  // namespace portcall::config
