#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "store/event.h"

namespace portcall::store {

namespace {

using Json = nlohmann::json;
using Member = std::string Details::*;

struct Field {
  std::string_view key;
  Member member;
};

constexpr std::array<Field, 10> kFields{{{"url", &Details::url},
                                         {"from_repository", &Details::from_repository},
                                         {"previous_digest", &Details::previous_digest},
                                         {"request_id", &Details::request_id},
                                         {"request_addr", &Details::request_addr},
                                         {"request_host", &Details::request_host},
                                         {"request_method", &Details::request_method},
                                         {"request_useragent", &Details::request_useragent},
                                         {"source_addr", &Details::source_addr},
                                         {"source_instance", &Details::source_instance}}};

bool IsPlain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c > 0; }

void AppendText(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (IsPlain(c)) continue;
    // Escapes, and what is no UTF-8 (a client's user agent may be anything) becomes U+FFFD.
    out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

void AppendMember(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  if (out.back() != '{') out += ',';
  out += '"';
  out += key;
  out += "\":";
  AppendText(out, text);
}

void AppendReference(std::string& out, const Descriptor& reference) {
  out += '{';
  AppendMember(out, "media_type", reference.media_type);
  AppendMember(out, "digest", reference.digest);
  AppendMember(out, "platform", reference.platform);
  if (out.back() != '{') out += ',';
  out += "\"size\":";
  out += std::to_string(reference.size);
  out += '}';
}

// Reads the shape that EncodeDetails writes, without escapes; gives up on all else.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool Read(Details& details) {
    const bool read = Object([&](std::string_view key) {
      if (key == "references") return References(details.references);
      std::string ignored;
      return Text(MemberOf(details, key, ignored));
    });
    return read && at_ == end_;
  }

 private:
  static std::string& MemberOf(Details& details, std::string_view key, std::string& other) {
    for (const Field& field : kFields) {
      if (field.key == key) return details.*field.member;
    }
    return other;
  }

  bool Accept(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool View(std::string_view& text) {
    if (!Accept('"')) return false;
    const char* start = at_;
    while (at_ != end_ && IsPlain(*at_)) ++at_;
    text = std::string_view(start, static_cast<std::size_t>(at_ - start));
    return Accept('"');
  }

  bool Text(std::string& text) {
    std::string_view view;
    if (!View(view)) return false;
    text = view;
    return true;
  }

  bool Number(std::int64_t& number) {
    const auto [stop, error] = std::from_chars(at_, end_, number);
    at_ = stop;
    return error == std::errc();
  }

  template <class F>
  bool Object(F member) {
    if (!Accept('{')) return false;
    if (Accept('}')) return true;
    do {
      std::string_view key;
      if (!View(key) || !Accept(':') || !member(key)) return false;
    } while (Accept(','));
    return Accept('}');
  }

  bool References(std::vector<Descriptor>& references) {
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
};

std::string TextAt(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Details DecodeAny(std::string_view text) {
  Details details;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return details;
  for (const Field& field : kFields) details.*field.member = TextAt(json, field.key);
  const auto references = json.find("references");
  if (references == json.end() || !references->is_array()) return details;
  for (const Json& reference : *references) {
    if (!reference.is_object()) continue;
    Descriptor& descriptor = details.references.emplace_back();
    descriptor.media_type = TextAt(reference, "media_type");
    descriptor.digest = TextAt(reference, "digest");
    descriptor.platform = TextAt(reference, "platform");
    const auto size = reference.find("size");
    if (size != reference.end() && size->is_number_integer()) descriptor.size = size->get<std::int64_t>();
  }
  return details;
}

}  // namespace

std::string EncodeDetails(const Details& details) {
  std::string out;
  out.reserve(512);
  out += '{';
  for (const Field& field : kFields) AppendMember(out, field.key, details.*field.member);
  if (!details.references.empty()) {
    out += out.back() == '{' ? "\"references\":[" : ",\"references\":[";
    for (const Descriptor& reference : details.references) {
      if (out.back() != '[') out += ',';
      AppendReference(out, reference);
    }
    out += ']';
  }
  out += '}';
  return out;
}

Details DecodeDetails(std::string_view json) {
  Details details;
  if (Scanner(json).Read(details)) return details;
  return DecodeAny(json);
}

}  // namespace portcall::store
