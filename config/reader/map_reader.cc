#include "config/reader/map_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "config/reader/address.h"
#include "config/reader/disk_places.h"
#include "config/reader/scalars.h"
#include "runtime/http/message.h"
#include "runtime/time.h"

namespace portcall::config {
namespace {

std::string_view KindOf(const Value& node) {
  switch (node.kind) {
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a map";
    case Value::Kind::kScalar:
      return node.quoted ? "text in quotes" : "a single value";
    case Value::Kind::kNull:
      break;
  }
  return "nothing";
}

using http::IsFraming;
using http::IsToken;

constexpr std::string_view kHeaderNames =
    "a header's name may hold letters, digits and dashes, without blanks or colons";

}  // namespace

std::string WhyBadHeaderName(std::string_view name) {
  if (!IsToken(name)) return std::string(kHeaderNames);
  return IsFraming(name) ? "every request says this for itself: choose another header" : "";
}

MapReader::MapReader(Report& report, const Value& root)
    : MapReader(report, &root, root.place, "", UnknownKeys::kDoubted) {}

MapReader::MapReader(Report& report, const Value* node, Place place, std::string path, UnknownKeys unknown)
    : report_(report), node_(node), place_(std::move(place)), path_(std::move(path)), unknown_(unknown) {
  if (node_ == nullptr || node_->kind == Value::Kind::kMap) return;
  if (node_->kind != Value::Kind::kNull) {
    report_.Error(place_, path_, "is " + std::string(KindOf(*node_)) + " where a map (name: value) is wanted");
  }
  node_ = nullptr;
}

MapReader MapReader::Sub(std::string_view key, UnknownKeys unknown) {
  MapReader below(report_, FindStructure(key), PlaceOf(key), PathOf(key), unknown);
  below.transcript_ = transcript_;
  return below;
}

void MapReader::Record() { transcript_ = std::make_shared<Transcript>(path_); }

void MapReader::RecordFact(std::string_view name, std::string_view text) {
  if (transcript_) transcript_->Note(name, text);
}

std::string MapReader::Fingerprint() const { return transcript_ ? transcript_->Fingerprint() : ""; }

template <class T>
void MapReader::Take(std::string_view key, T& out, T value) {
  if (out == value) return;
  if (transcript_) transcript_->Note(PathOf(key), value);
  out = std::move(value);
}

bool MapReader::Has(std::string_view key) {
  if (Find(key) == nullptr) return false;
  if (transcript_) transcript_->Note(PathOf(key) + "?", "");
  return true;
}

const Value* MapReader::Get(std::string_view key) {
  const Value* value = FindStructure(key);
  if (value != nullptr && transcript_) transcript_->Note(PathOf(key), *value);
  return value;
}

bool MapReader::HoldsText(std::string_view key) {
  const Value* value = Find(key);
  if (value != nullptr && transcript_) transcript_->Note(PathOf(key), *value);
  return value != nullptr && value->kind == Value::Kind::kScalar;
}

bool MapReader::there() const {
  if (node_ != nullptr && transcript_) transcript_->Note(path_ + "?", "");
  return node_ != nullptr;
}

const std::vector<Member>& MapReader::Members() const {
  static const std::vector<Member> kNone;
  if (node_ == nullptr) return kNone;
  if (transcript_) transcript_->Note(path_, *node_);
  return node_->members;
}

bool MapReader::Asked(std::string_view key) const { return std::ranges::find(asked_, key) != asked_.end(); }

const Value* MapReader::Find(std::string_view key) {
  asked_.push_back(key);
  if (KnownKeys* known = report_.known()) known->keys[path_].emplace(key);
  const Member* member = node_ == nullptr ? nullptr : node_->Find(key);
  return member == nullptr || member->value.kind == Value::Kind::kNull ? nullptr : &member->value;
}

void MapReader::LearnStructure(const std::string& path) const {
  if (KnownKeys* known = report_.known()) known->structured.insert(path);
}

const Value* MapReader::FindStructure(std::string_view key) {
  LearnStructure(PathOf(key));
  return Find(key);
}

bool MapReader::empty() const {
  return node_ == nullptr || std::all_of(node_->members.begin(), node_->members.end(),
                                         [](const Member& member) { return member.value.kind == Value::Kind::kNull; });
}

const Value* MapReader::Scalar(std::string_view key, std::string_view wanted) {
  const Value* node = Find(key);
  if (node == nullptr || node->kind == Value::Kind::kScalar) return node;
  Error(key, "is " + std::string(KindOf(*node)) + " where " + std::string(wanted) + " is wanted");
  return nullptr;
}

void MapReader::Read(std::string_view key, std::string& out) {
  if (const Value* node = Scalar(key, "text")) Take(key, out, node->text);
}

void MapReader::Read(std::string_view key, bool& out) {
  const Value* node = Scalar(key, "true or false");
  if (node == nullptr) return;
  auto flag = ParseFlag(node->text);
  if (flag && !node->quoted) {
    Take(key, out, *flag);
  } else if (flag) {
    Error(key, "is text; write " + std::string(*flag ? "true" : "false") + " without quotes");
  } else {
    Error(key, "is " + Quoted(node->text) + " where true or false is wanted");
  }
}

void MapReader::Read(std::string_view key, std::vector<std::string>& out) {
  const Value* node = FindStructure(key);
  if (node == nullptr) return;
  if (node->kind != Value::Kind::kList) {
    return Error(key, "is " + std::string(KindOf(*node)) + " where a list is wanted: write [value, value]");
  }
  std::vector<std::string> items;
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const Value& item = node->items[i];
    if (item.kind == Value::Kind::kScalar) {
      items.push_back(item.text);
    } else {
      report_.Error(item.place, PathOf(key) + "[" + std::to_string(i) + "]",
                    "is " + std::string(KindOf(item)) + " where text is wanted");
    }
  }
  Take(key, out, std::move(items));
}

void MapReader::ReadWhole(std::string_view key, std::int64_t least, std::int64_t most, std::int64_t& out) {
  const Value* node = Scalar(key, "a whole number");
  if (node == nullptr) return;
  auto number = ParseWhole(node->text);
  if (!number) return Error(key, "is " + Quoted(node->text) + " where a whole number is wanted");
  if (node->quoted) return Error(key, "is text; write " + node->text + " without quotes");
  if (*number < least || *number > most) {
    return Error(key,
                 std::to_string(*number) + " is not between " + std::to_string(least) + " and " + std::to_string(most));
  }
  Take(key, out, *number);
}

void MapReader::Read(std::string_view key, Millis& out, bool zero_counts) {
  const Value* node = Scalar(key, "a duration (10s, 500ms)");
  if (node == nullptr) return;
  auto duration = ParseDuration(node->text);
  if (!duration) return Error(key, duration.error().detail);
  if (!duration->remark.empty()) Warn(key, duration->remark);
  if (duration->value.count() > 0 || zero_counts) Take(key, out, duration->value);
}

void MapReader::ReadAtLeast(std::string_view key, Millis least, Millis& out) {
  Millis read = out;
  Read(key, read);
  if (read < least) return Error(key, "is too short: at least " + runtime::ShowDuration(least) + " are needed");
  out = read;
}

void MapReader::ReadSize(std::string_view key, std::uint64_t least, std::uint64_t& out) {
  const Value* node = Scalar(key, "a size (256MiB)");
  if (node == nullptr) return;
  auto size = ParseSize(node->text);
  if (!size) return Error(key, size.error().detail);
  if (*size < least) return Error(key, "is too small: at least " + std::to_string(least >> 20) + "MiB are needed");
  Take(key, out, *size);
}

void MapReader::ReadChoice(std::string_view key, std::span<const std::string_view> allowed, std::string& out) {
  const Value* node = Scalar(key, "one of " + runtime::Joined(allowed));
  if (node == nullptr) return;
  if (std::find(allowed.begin(), allowed.end(), node->text) != allowed.end()) {
    return Take(key, out, node->text);
  }
  Error(key, "is " + Quoted(node->text) + "; it may be " + runtime::Joined(allowed) + DidYouMean(node->text, allowed));
}

void MapReader::ReadHeaders(std::string_view key, HeaderList& out) {
  const Value* node = FindStructure(key);
  if (node == nullptr) return;
  if (node->kind == Value::Kind::kScalar && node->text.starts_with('<') && node->text.ends_with('>')) {
    return Warn(key, "is a manual's placeholder and is taken as no headers; write Authorization: [value] below it");
  }
  if (node->kind != Value::Kind::kMap) {
    return Error(key,
                 "is " + std::string(KindOf(*node)) + " where a map is wanted: write Authorization: [value] below it");
  }
  HeaderList headers;
  for (const Member& member : node->members) ReadHeader(PathOf(key), member, headers);
  Take(key, out, std::move(headers));
}

void MapReader::ReadHeader(const std::string& path, const Member& member, HeaderList& out) {
  if (!IsToken(member.key)) {
    // The name is not shown: it may be a secret value, written without the header's name.
    return report_.Error(member.place, path, std::string(kHeaderNames));
  }
  std::string name = path + "." + member.key.substr(0, 60);
  if (IsFraming(member.key)) {
    return report_.Warn(member.place, name, "is not sent: every request says this for itself");
  }
  std::vector<Value> values =
      member.value.kind == Value::Kind::kList ? member.value.items : std::vector<Value>{member.value};
  for (const Value& value : values) {
    if (value.kind == Value::Kind::kNull) {
      report_.Warn(member.place, name, "has no value and is not sent");
    } else if (value.kind != Value::Kind::kScalar) {
      report_.Error(value.place, name, "is " + std::string(KindOf(value)) + " where text or a list of texts is wanted");
    } else if (std::any_of(value.text.begin(), value.text.end(),
                           [](char c) { return runtime::IsControl(c) && c != '\t'; })) {
      report_.Error(value.place, name, "holds a line break or another control character, which no header may");
    } else {
      out.emplace_back(member.key, value.text);
    }
  }
}

void MapReader::ReadFile(std::string_view key, std::string& out) {
  Read(key, out);
  if (!out.empty()) {
    if (std::string why = WhyUnreadable(out); !why.empty()) Error(key, why);
  }
}

void MapReader::ForEach(std::string_view key, const std::function<void(MapReader&)>& read) {
  const Value* node = FindStructure(key);
  if (node == nullptr) return;
  if (node->kind != Value::Kind::kList) {
    return Error(key, "is " + std::string(KindOf(*node)) + " where a list is wanted: begin each entry with \"- \"");
  }
  if (transcript_) transcript_->Note(PathOf(key), node->items.size());
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    LearnStructure(PathOf(key) + "[" + std::to_string(i) + "]");
    MapReader entry(report_, &node->items[i], node->items[i].place, PathOf(key) + "[" + std::to_string(i) + "]",
                    unknown_);
    entry.transcript_ = transcript_;
    if (entry.node_ != nullptr) {
      read(entry);
      entry.Finish();
    } else if (node->items[i].kind == Value::Kind::kNull) {
      entry.report_.Error(entry.place_, entry.path_, "is an empty entry");
    }
  }
}

void MapReader::AcceptAll() {
  if (node_ == nullptr) return;
  for (const Member& member : node_->members) Accept(member.key);
}

void MapReader::Ignore(std::string_view key, std::string_view why) {
  if (Find(key) != nullptr) Warn(key, "has no effect here: " + std::string(why));
}

void MapReader::Refuse(std::string_view key, std::string_view why) {
  if (Find(key) != nullptr) Error(key, std::string(why));
}

void MapReader::Error(std::string_view key, std::string message) const {
  report_.Error(PlaceOf(key), PathOf(key), std::move(message));
}
void MapReader::Warn(std::string_view key, std::string message) const {
  report_.Warn(PlaceOf(key), PathOf(key), std::move(message));
}
void MapReader::Doubt(std::string_view key, std::string message) const {
  report_.Doubt(PlaceOf(key), PathOf(key), std::move(message));
}

std::string MapReader::PathOf(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

Place MapReader::PlaceOf(std::string_view key) const {
  const Member* member = node_ == nullptr ? nullptr : node_->Find(key);
  if (member == nullptr) return place_;
  return member->value.kind == Value::Kind::kNull ? member->place : member->value.place;
}

void MapReader::Finish() const {
  if (node_ == nullptr) return;
  for (const Member& member : node_->members) {
    if (Asked(member.key)) continue;
    const std::string message = "unknown key" + DidYouMean(member.key, asked_);
    std::string path = PathOf(Quoted(member.key));
    if (IsToken(member.key)) path = PathOf(member.key.substr(0, 60));
    if (unknown_ == UnknownKeys::kRefused) {
      report_.Error(member.place, path, message);
    } else {
      report_.Doubt(member.place, path, message + " (serve passes over it)");
    }
  }
}

}  // namespace portcall::config
