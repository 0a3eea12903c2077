#include "runtime/bytes.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "runtime/text.h"

namespace portcall::runtime {
namespace {

const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Converts between the two base64 alphabets, which differ in two characters.
std::string Translated(std::string text, std::string_view from, std::string_view to) {
  for (char& c : text) {
    if (const std::size_t at = from.find(c); at != std::string_view::npos) c = to[at];
  }
  return text;
}

void Check(int ok, const char* what) {
  if (ok != 1) throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

// Fetched once, because a fetch costs more than hashing a small message; never freed, so that no order of
// destruction at exit matters.
const EVP_MD* Digest(std::string_view algorithm) {
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  if (algorithm == "sha256") return sha256;
  if (algorithm == "sha512") return sha512;
  throw std::invalid_argument("no such hash algorithm: " + std::string(algorithm));
}

const EVP_MAC_CTX* HmacTemplate() {
  static const EVP_MAC_CTX* const context = [] {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    EVP_MAC_CTX* fresh = EVP_MAC_CTX_new(mac);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    Check(EVP_MAC_CTX_set_params(fresh, params), "HMAC");
    return fresh;
  }();
  return context;
}

struct FreeMac {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
struct FreeMd {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

std::string Hex(std::span<const unsigned char> bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) AppendHex(out, byte);
  return out;
}

std::string Base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), Octets(bytes), static_cast<int>(bytes.size()));
  out.pop_back();
  return out;
}

std::string Base64Url(std::string_view bytes) { return Translated(Base64(bytes), "+/", "-_"); }

bool Base64Decode(std::string_view text, std::string& bytes) {
  bytes.assign(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), Octets(text), static_cast<int>(text.size()));
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (size < 0 || static_cast<std::size_t>(size) < padding) return false;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  // OpenSSL ignores blanks and unused bits; this comparison refuses them, so that each value has one text.
  return Base64(bytes) == text;
}

bool Base64UrlDecode(std::string_view text, std::string& bytes) {
  if (text.find_first_of("+/") != std::string_view::npos) return false;
  return Base64Decode(Translated(std::string(text), "-_", "+/"), bytes);
}

std::string HmacSha256(std::string_view key, std::string_view message) {
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> context(EVP_MAC_CTX_dup(HmacTemplate()));
  if (!context) throw std::bad_alloc();
  // OpenSSL reads a null key as "use the previous key".
  const auto* key_bytes = reinterpret_cast<const unsigned char*>(key.empty() ? "" : key.data());
  Check(EVP_MAC_init(context.get(), key_bytes, key.size(), nullptr), "HMAC key");
  Check(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(message.data()), message.size()), "HMAC");
  std::string out(32, '\0');
  std::size_t size = 0;
  Check(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, out.size()), "HMAC");
  return out;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct Hasher::Impl {
  std::unique_ptr<EVP_MD_CTX, FreeMd> context{EVP_MD_CTX_new()};
};

Hasher::Hasher(std::string_view algorithm) : impl_(std::make_unique<Impl>()) {
  Check(EVP_DigestInit_ex2(impl_->context.get(), Digest(algorithm), nullptr), "hash");
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::Update(std::string_view bytes) {
  Check(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()), "hash");
}

std::string Hasher::HexDigest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  Check(EVP_DigestFinal_ex(impl_->context.get(), digest.data(), &size), "hash");
  return Hex({digest.data(), size});
}

std::string HashHex(std::string_view algorithm, std::string_view bytes) {
  Hasher hasher(algorithm);
  hasher.Update(bytes);
  return hasher.HexDigest();
}

}  // namespace portcall::runtime
