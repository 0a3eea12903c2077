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

// How much of a text stands for itself inside a JSON string.
enum class Spelling { kPlain, kQuoted, kOther };  // all of it; all but quotes and backslashes; anything else

// No branch in the loop, and flags as small as what they come from: so the compiler looks at 16 bytes at a time.
Spelling SpellingOf(std::string_view text) {
  std::uint8_t quoted = 0;
  std::uint8_t other = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    quoted |= std::uint8_t{byte == '"'} | std::uint8_t{byte == '\\'};
    other |= std::uint8_t{byte < 0x20} | std::uint8_t{byte >= 0x80};
  }
  if (other != 0) return Spelling::kOther;
  return quoted != 0 ? Spelling::kQuoted : Spelling::kPlain;
}

void AppendText(std::string& out, std::string_view text) {
  const Spelling spelling = SpellingOf(text);
  if (spelling == Spelling::kOther) {
    // What is no UTF-8 (a client's user agent may be anything) becomes U+FFFD.
    out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  out += '"';
  if (spelling == Spelling::kPlain) {
    out += text;
  } else {
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
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

// Reads the shape that EncodeDetails writes, ten times as fast as DecodeAny; gives up on all else. What it does read,
// DecodeAny reads the same.
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

  // An escaped name may spell a known one; the general decoder knows.
  bool Key(std::string_view& key) { return Token(key) && SpellingOf(key) == Spelling::kPlain; }

  bool Text(std::string& text) {
    std::string_view token;
    if (!Token(token)) return false;
    const Spelling spelling = SpellingOf(token);
    if (spelling == Spelling::kPlain) {
      text = token;
      return true;
    }
    return (spelling == Spelling::kQuoted && Unescape(token, text)) || DecodeText(token, text);
  }

  // The escapes seen daily: a platform is JSON itself, and Docker's user agent holds "\\(linux\\)".
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
