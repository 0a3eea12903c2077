#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/reader/node.h"
#include "config/reader/report.h"
#include "config/reader/transcript.h"

namespace portcall::config {

enum class UnknownKeys { kRefused, kDoubted };  // kRefused inside notifications and our own sections

// Why a header of this name cannot be sent; empty: it can.
std::string WhyBadHeaderName(std::string_view name);

// One map of the file while it is read: the typed readers leave `out` alone when the key is absent or null, and report
// what does not fit. Finish() reports the keys that nobody asked for. Lives no longer than the nodes and the report.
class MapReader {
 public:
  MapReader(Report& report, const Value& root);  // the whole file
  MapReader Sub(std::string_view key, UnknownKeys unknown);
  MapReader Sub(std::string_view key) { return Sub(key, unknown_); }

  // From here on, what is taken from this map and from those below it is part of its fingerprint.
  void Record();
  // Adds something read elsewhere to the fingerprint, such as the content of a file that the map names.
  void RecordFact(std::string_view name, std::string_view text);
  std::string Fingerprint() const;  // of what was recorded so far, see Transcript

  bool Has(std::string_view key);
  const Value* Get(std::string_view key);  // null: absent or null
  bool HoldsText(std::string_view key);    // it is there, and a single value
  bool there() const;                      // the map exists, even if it is empty
  bool Holds(std::string_view key) const {
    return node_ != nullptr && node_->Find(key) != nullptr;
  }  // does not count as asking for the key
  bool Asked(std::string_view key) const;
  bool empty() const;                          // no member with a value
  const std::vector<Member>& Members() const;  // where the keys are the user's own words

  void Read(std::string_view key, std::string& out);
  void Read(std::string_view key, bool& out);
  void Read(std::string_view key, std::vector<std::string>& out);
  void ReadWhole(std::string_view key, std::int64_t least, std::int64_t most, std::int64_t& out);
  template <class Int>
  void Read(std::string_view key, std::int64_t least, std::int64_t most, Int& out) {
    std::int64_t value = static_cast<std::int64_t>(out);
    ReadWhole(key, least, most, value);
    out = static_cast<Int>(value);
  }
  // Zero or less means the default, as in Distribution; with `zero_counts` zero is a value.
  void Read(std::string_view key, Millis& out, bool zero_counts = false);
  // The same for a time that would do harm if it were shorter than `least`.
  void ReadAtLeast(std::string_view key, Millis least, Millis& out);
  void ReadSize(std::string_view key, std::uint64_t least, std::uint64_t& out);
  void ReadChoice(std::string_view key, std::span<const std::string_view> allowed, std::string& out);
  void ReadChoice(std::string_view key, std::initializer_list<std::string_view> allowed, std::string& out) {
    ReadChoice(key, std::span(allowed.begin(), allowed.size()), out);
  }
  // A map of names to a value or a list of values. Values are never shown.
  void ReadHeaders(std::string_view key, HeaderList& out);
  // A file that must be there and readable.
  void ReadFile(std::string_view key, std::string& out);
  void ForEach(std::string_view key, const std::function<void(MapReader&)>& read);  // a list of maps

  void Accept(std::string_view key) { Find(key); }  // known, without effect, not worth a warning
  void AcceptAll();
  void Ignore(std::string_view key, std::string_view why);  // known, without effect: a warning
  void Refuse(std::string_view key, std::string_view why);  // an error when it is there

  void Error(std::string_view key, std::string message) const;
  void Warn(std::string_view key, std::string message) const;
  void Doubt(std::string_view key, std::string message) const;
  std::string PathOf(std::string_view key) const;
  Place PlaceOf(
      std::string_view key) const;  // of the value, of the key where that is null, of the map where it is absent
  Report& report() const { return report_; }
  const std::string& path() const { return path_; }

  void Finish() const;

 private:
  MapReader(Report& report, const Value* node, Place place, std::string path, UnknownKeys unknown);
  const Value* Find(std::string_view key);
  const Value* FindStructure(std::string_view key);  // a map or a list, as far as readers know
  void LearnStructure(const std::string& path) const;
  const Value* Scalar(std::string_view key, std::string_view wanted);
  void ReadHeader(const std::string& path, const Member& member, HeaderList& out);
  // Every reader sets `out` through this, so that the transcript has it.
  template <class T>
  void Take(std::string_view key, T& out, T value);

  Report& report_;
  const Value* node_;  // a map, or null
  Place place_;
  std::string path_;
  UnknownKeys unknown_;
  std::shared_ptr<Transcript> transcript_;  // shared with the maps below; null: nothing is recorded
  std::vector<std::string_view> asked_;     // views, since keys' names are literals
};

}  // namespace portcall::config
