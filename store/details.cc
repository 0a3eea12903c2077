#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/json.h"
#include "store/event.h"

namespace portcall::store {

namespace {

using Json = nlohmann::json;
using runtime::JsonContent;
using Member = std::string Details::*;

struct Field {
  std::string_view key;
  Member member;
};

constexpr std::array<Field, 18> kFields{{{"url", &Details::url},
                                         {"from_repository", &Details::from_repository},
                                         {"previous_digest", &Details::previous_digest},
                                         {"request_id", &Details::request_id},
                                         {"request_addr", &Details::request_addr},
                                         {"request_host", &Details::request_host},
                                         {"request_method", &Details::request_method},
                                         {"request_useragent", &Details::request_useragent},
                                         {"source_addr", &Details::source_addr},
                                         {"source_instance", &Details::source_instance},
                                         {"subject", &Details::subject},
                                         {"artifact_type", &Details::artifact_type},
                                         {"peer", &Details::peer},
                                         {"forwarded", &Details::forwarded},
                                         {"tls_subject", &Details::tls_subject},
                                         {"request_uri", &Details::request_uri},
                                         {"error_code", &Details::error_code},
                                         {"note", &Details::note}}};
constexpr std::string_view kStatus = "status";
constexpr std::string_view kCount = "count";
constexpr std::string_view kActorVerified = "actor_verified";
constexpr std::string_view kReferences = "references";
constexpr std::string_view kReferenceCount = "reference_count";

int StatusOf(std::int64_t number) { return std::in_range<int>(number) ? static_cast<int>(number) : 0; }

void WriteReference(runtime::JsonWriter& out, const Descriptor& reference) {
  out.Begin();
  out.OptionalText("media_type", reference.media_type);
  out.OptionalText("digest", reference.digest);
  out.OptionalText("platform", reference.platform);
  out.Number("size", reference.size);
  out.End();
}

// Reads the shape that EncodeDetails writes, ten times as fast as DecodeAny; gives up on all else. What it does read,
// DecodeAny reads the same.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool Read(Details& details) {
    const bool read = Object([&](std::string_view key) {
      if (const Field* field = FieldOf(key)) return Text(details.*field->member);
      if (key == kReferences) return References(details.references);
      if (key == kStatus) return Status(details.status);
      if (key == kCount) return Number(details.count);
      if (key == kReferenceCount) return Number(details.reference_count);
      if (key == kActorVerified) return Bool(details.actor_verified);
      std::string ignored;
      return Text(ignored);
    });
    return read && at_ == end_;
  }

 private:
  // Members come in the order of the fields: the next one is seldom far behind the last.
  const Field* FieldOf(std::string_view key) {
    for (std::size_t tried = 0; tried < kFields.size(); ++tried) {
      const Field& field = kFields[next_field_];
      next_field_ = next_field_ + 1 == kFields.size() ? 0 : next_field_ + 1;
      if (field.key == key) return &field;
    }
    return nullptr;
  }

  bool Accept(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  // What stands between the quotes of a string, escapes and all.
  bool Token(std::string_view& token) {
    if (!Accept('"')) return false;
    const std::string_view rest(at_, end_);
    std::size_t quote = rest.find('"');
    while (quote != std::string_view::npos && IsEscaped(rest, quote)) quote = rest.find('"', quote + 1);
    if (quote == std::string_view::npos) return false;
    token = rest.substr(0, quote);
    at_ += quote + 1;
    return true;
  }

  static bool IsEscaped(std::string_view text, std::size_t at) {
    std::size_t start = at;
    while (start > 0 && text[start - 1] == '\\') --start;
    return (at - start) % 2 == 1;
  }

  // A name with escapes may still be a known one: false leaves it to the general decoder.
  bool Key(std::string_view& key) { return Token(key) && runtime::ContentOf(key) == JsonContent::kPlain; }

  bool Text(std::string& text) {
    std::string_view token;
    if (!Token(token)) return false;
    const JsonContent content = runtime::ContentOf(token);
    if (content == JsonContent::kPlain) {
      text = token;
      return true;
    }
    return (content == JsonContent::kQuoted && Unescape(token, text)) || DecodeText(token, text);
  }

  // Only the common escapes: a platform is JSON itself, and Docker's user agent holds "\\(linux\\)".
  static bool Unescape(std::string_view token, std::string& text) {
    text.clear();
    text.reserve(token.size());
    for (;;) {
      const std::size_t escape = token.find('\\');
      text.append(token, 0, escape);
      if (escape == std::string_view::npos) return true;
      const char c = token[escape + 1];  // there is one: a token does not end within an escape
      if (c != '"' && c != '\\') return false;
      text += c;
      token.remove_prefix(escape + 2);
    }
  }

  static bool DecodeText(std::string_view token, std::string& text) {
    const char* quote = token.data() - 1;
    const Json json = Json::parse(quote, quote + token.size() + 2, nullptr, false);
    if (!json.is_string()) return false;
    text = json.get_ref<const std::string&>();
    return true;
  }

  bool Number(std::int64_t& number) {
    const char* digits = at_ != end_ && *at_ == '-' ? at_ + 1 : at_;
    const auto [stop, error] = std::from_chars(at_, end_, number);
    const bool padded = stop - digits > 1 && *digits == '0';  // JSON has no such number
    at_ = stop;
    return error == std::errc() && !padded;
  }

  bool Status(int& status) {
    std::int64_t number = 0;
    if (!Number(number)) return false;
    status = StatusOf(number);
    return true;
  }

  bool Bool(bool& value) {
    const std::string_view rest(at_, end_);
    value = rest.starts_with("true");
    if (!value && !rest.starts_with("false")) return false;
    at_ += value ? 4 : 5;
    return true;
  }

  template <class F>
  bool Object(F member) {
    if (!Accept('{')) return false;
    if (Accept('}')) return true;
    do {
      std::string_view key;
      if (!Key(key) || !Accept(':') || !member(key)) return false;
    } while (Accept(','));
    return Accept('}');
  }

  bool References(std::vector<Descriptor>& references) {
    references.clear();  // of two members of one name the last counts
    if (!Accept('[')) return false;
    do {
      Descriptor& reference = references.emplace_back();
      const bool read = Object([&](std::string_view key) {
        if (key == "size") return Number(reference.size);
        if (key == "media_type") return Text(reference.media_type);
        if (key == "digest") return Text(reference.digest);
        return key == "platform" && Text(reference.platform);
      });
      if (!read) return false;
    } while (Accept(','));
    return Accept(']');
  }

  const char* at_;
  const char* end_;
  std::size_t next_field_ = 0;
};

std::string TextAt(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// 0 for what is no integer, or one that no 64 bits hold.
std::int64_t NumberAt(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return 0;
  if (found->is_number_unsigned() && !std::in_range<std::int64_t>(found->get<std::uint64_t>())) return 0;
  return found->get<std::int64_t>();
}

Details DecodeAny(std::string_view text) {
  Details details;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return details;
  for (const Field& field : kFields) details.*field.member = TextAt(json, field.key);
  details.status = StatusOf(NumberAt(json, kStatus));
  details.count = NumberAt(json, kCount);
  details.reference_count = NumberAt(json, kReferenceCount);
  const auto verified = json.find(kActorVerified);
  details.actor_verified = verified != json.end() && verified->is_boolean() && verified->get<bool>();
  const auto references = json.find(kReferences);
  if (references == json.end() || !references->is_array()) return details;
  for (const Json& reference : *references) {
    if (!reference.is_object()) continue;
    Descriptor& descriptor = details.references.emplace_back();
    descriptor.media_type = TextAt(reference, "media_type");
    descriptor.digest = TextAt(reference, "digest");
    descriptor.platform = TextAt(reference, "platform");
    descriptor.size = NumberAt(reference, "size");
  }
  return details;
}

}  // namespace

std::string EncodeDetails(const Details& details) {
  std::string out;
  out.reserve(512);
  runtime::JsonWriter writer(out, runtime::JsonSpelling::kPlain);
  writer.Begin();
  for (const Field& field : kFields) writer.OptionalText(field.key, details.*field.member);
  writer.OptionalNumber(kStatus, details.status);
  writer.OptionalNumber(kCount, details.count);
  writer.OptionalNumber(kReferenceCount, details.reference_count);
  if (details.actor_verified) writer.Flag(kActorVerified, true);
  if (!details.references.empty()) {
    writer.BeginList(kReferences);
    for (const Descriptor& reference : details.references) WriteReference(writer, reference);
    writer.EndList();
  }
  writer.End();
  return out;
}

Details DecodeDetails(std::string_view json) {
  Details details;
  if (Scanner(json).Read(details)) return details;
  return DecodeAny(json);
}

}  // namespace portcall::store
