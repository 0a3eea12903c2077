#include "registry/catalog/fallback_index.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "runtime/json.h"

namespace portcall::registry {
namespace {

using Json = nlohmann::json;

// Where the descriptors stand: members of the document are at depth 1, elements of its list at depth 2.
constexpr std::size_t kInDocument = 1, kInList = 2, kInDescriptor = 3;

class FallbackReader : public nlohmann::json_sax<Json> {
 public:
  explicit FallbackReader(std::string_view artifact_type) : artifact_type_(artifact_type) {}

  std::vector<TaggedReferrer> Read(std::string_view bytes) {
    if (!Json::sax_parse(bytes, this)) found_.clear();
    return std::move(found_);
  }

  bool start_object(std::size_t) override {
    if (depth_ == kInList && in_list_) {
      current_ = {};
      type_.clear();
      ++at_;
      copying_ = true;
    }
    return Open('{');
  }
  bool end_object() override {
    Close('}');
    if (depth_ == kInList && copying_) Take();
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ == kInList && in_list_) ++at_;
    if (depth_ == kInDocument) in_list_ = key_ == "manifests";
    return Open('[');
  }
  bool end_array() override {
    Close(']');
    if (depth_ == kInDocument) in_list_ = false;
    return true;
  }
  bool key(string_t& name) override {
    if (copying_) {
      Separate();
      runtime::AppendJsonString(current_.descriptor, name, runtime::JsonSpelling::kPlain);
      current_.descriptor += ':';
    }
    if (depth_ == kInDocument || depth_ == kInDescriptor) key_ = std::move(name);
    return true;
  }
  bool null() override { return Copy("null"); }
  bool boolean(bool value) override { return Copy(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return Copy(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Copy(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return Copy(text); }
  bool string(string_t& value) override {
    if (!copying_) return Copy({});
    Separate();
    runtime::AppendJsonString(current_.descriptor, value, runtime::JsonSpelling::kPlain);
    if (depth_ != kInDescriptor) return true;
    if (key_ == "digest") current_.digest = value;
    if (key_ == "artifactType") type_ = value;
    return true;
  }
  bool binary(binary_t&) override { return false; }  // not in JSON's text
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  void Separate() {  // every value ends with another character than these
    std::string& out = current_.descriptor;
    if (!out.empty() && std::string_view("{[:").find(out.back()) == std::string_view::npos) out += ',';
  }
  bool Open(char bracket) {
    if (copying_) {
      Separate();
      current_.descriptor += bracket;
    }
    ++depth_;
    return true;
  }
  void Close(char bracket) {
    if (copying_) current_.descriptor += bracket;
    --depth_;
  }
  bool Copy(std::string_view value) {
    if (copying_) {
      Separate();
      current_.descriptor += value;
    } else if (depth_ == kInList && in_list_) {
      ++at_;
    }
    return true;
  }
  void Take() {
    copying_ = false;
    if (current_.digest.empty() || (!artifact_type_.empty() && type_ != artifact_type_)) return;
    if (!seen_.insert(current_.digest).second) return;
    current_.at = at_;
    found_.push_back(std::move(current_));
  }

  const std::string_view artifact_type_;
  std::vector<TaggedReferrer> found_;
  std::unordered_set<std::string> seen_;
  std::size_t depth_ = 0;  // objects and lists that are open
  std::size_t at_ = 0;
  bool in_list_ = false, copying_ = false;
  std::string key_, type_;  // of the object that is open at the depths that count
  TaggedReferrer current_;
};

}  // namespace

std::vector<TaggedReferrer> ReadFallbackIndex(std::string_view bytes, std::string_view artifact_type) {
  return FallbackReader(artifact_type).Read(bytes);
}

}  // namespace portcall::registry
