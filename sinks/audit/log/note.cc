#include "sinks/audit/log/note.h"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "runtime/bytes.h"
#include "runtime/files.h"
#include "runtime/text.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::string_view kMark = "\xE2\x80\x94 ";  // an em dash and a blank begin a signature line
constexpr char kEd25519 = '\x01';
constexpr std::size_t kIdSize = 4, kPublicSize = 32, kSignatureSize = 64;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::optional<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  if (!runtime::Base64Decode(text, bytes)) return std::nullopt;
  return bytes;
}

std::string IdOf(const std::string& name, const std::string& raw) {
  const Hash hash = Hashing().Plain(name + '\n' + kEd25519 + raw);
  return {reinterpret_cast<const char*>(hash.data()), kIdSize};
}

std::string HexId(const std::string& id) { return runtime::Hex({Bytes(id), id.size()}); }

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

}  // namespace

void FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

bool IsKeyName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) { return c > 0x20 && c != 0x7f && c != '+'; });
}

VerifierKey::VerifierKey(std::string name, std::string raw)
    : name_(std::move(name)), raw_(std::move(raw)), id_(IdOf(name_, raw_)) {}

Result<VerifierKey> VerifierKey::Parse(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos || !IsKeyName(text.substr(0, first))) {
    return Error(Errc::kInvalid, "not a verifier key: name+hash+base64 is wanted");
  }
  const std::optional<std::string> key = FromBase64(text.substr(second + 1));
  if (!key || key->size() != 1 + kPublicSize || key->front() != kEd25519) {
    return Error(Errc::kInvalid, "not an Ed25519 verifier key");
  }
  VerifierKey verifier(std::string(text.substr(0, first)), key->substr(1));
  if (HexId(verifier.id_) != text.substr(first + 1, second - first - 1)) {
    return Error(Errc::kInvalid, "the verifier key's hash does not fit its name and key");
  }
  return verifier;
}

Result<VerifierKey> VerifierKey::FromFile(const std::filesystem::path& file) {
  Result<std::string> text = runtime::ReadWhole(file);
  if (!text) return text.error();
  Result<VerifierKey> key = Parse(*text);
  if (!key) return Error(Errc::kInvalid, file.string() + ": " + key.error().detail);
  return key;
}

std::string VerifierKey::Text() const { return name_ + '+' + HexId(id_) + '+' + runtime::Base64(kEd25519 + raw_); }

bool VerifierKey::Verify(std::string_view text, std::string_view signature) const {
  const KeyHandle key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(raw_), raw_.size()));
  const Context context(EVP_MD_CTX_new());
  if (!key || !context) return false;
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text), text.size()) == 1;
}

// The signature that claims to be this key's, with the text before it; nothing: there is none, or it is no note.
std::optional<VerifierKey::Claim> VerifierKey::FindClaim(std::string_view note) const {
  const std::size_t blank = note.rfind("\n\n" + std::string(kMark));
  if (blank == std::string_view::npos) return std::nullopt;
  std::string_view lines = note.substr(blank + 2);
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    if (!line.starts_with(kMark)) return std::nullopt;
    line.remove_prefix(kMark.size());
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.substr(0, space) != name_) continue;
    std::optional<std::string> signature = FromBase64(line.substr(space + 1));
    if (!signature || signature->size() != kIdSize + kSignatureSize || !signature->starts_with(id_)) continue;
    return Claim{note.substr(0, blank + 1), signature->substr(kIdSize)};
  }
  return std::nullopt;
}

bool VerifierKey::IsNamedIn(std::string_view note) const { return FindClaim(note).has_value(); }

std::optional<std::string> VerifierKey::Open(std::string_view note) const {
  const std::optional<Claim> claim = FindClaim(note);
  if (!claim || !Verify(claim->text, claim->signature)) return std::nullopt;
  return std::string(claim->text);
}

std::string SigningKey::Sign(std::string_view text) const {
  std::string signature(kSignatureSize, '\0');
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), out, &size, Bytes(text), text.size()) != 1 || size != kSignatureSize) {
    throw std::runtime_error("OpenSSL failed: Ed25519");
  }
  std::string note(text);
  note += '\n';
  note += kMark;
  note += verifier_.name() + ' ' + runtime::Base64(verifier_.id() + signature) + '\n';
  return note;
}

std::string Checkpoint::Text() const {
  const std::string_view bytes(reinterpret_cast<const char*>(root.data()), root.size());
  return origin + '\n' + std::to_string(size) + '\n' + runtime::Base64(bytes) + '\n';
}

std::optional<Checkpoint> Checkpoint::Parse(std::string_view text) {
  Checkpoint checkpoint;
  std::vector<std::string_view> lines;
  for (std::size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    lines.push_back(text.substr(0, end));
  }
  if (lines.size() < 3 || lines[0].empty()) return std::nullopt;
  checkpoint.origin = lines[0];
  const auto size = runtime::ParseNumber<std::uint64_t>(lines[1]);
  const bool padded = lines[1].size() > 1 && lines[1].front() == '0';
  if (!size || padded) return std::nullopt;
  checkpoint.size = *size;
  const std::optional<std::string> root = FromBase64(lines[2]);
  if (!root || root->size() != checkpoint.root.size()) return std::nullopt;
  std::ranges::copy(*root, checkpoint.root.begin());
  return checkpoint;
}

std::optional<NoteSpan> NextNote(std::string_view text, std::size_t from) {
  while (from < text.size() && text[from] == '\n') ++from;
  const std::size_t blank = text.find("\n\n" + std::string(kMark), from);
  if (blank == std::string_view::npos) return std::nullopt;
  std::size_t end = blank + 2;
  while (text.substr(end).starts_with(kMark)) {
    const std::size_t line = text.find('\n', end);
    if (line == std::string_view::npos) return std::nullopt;
    end = line + 1;
  }
  return NoteSpan{from, end};
}

}  // namespace portcall::sinks::audit
