#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <string>

#include "runtime/files.h"
#include "sinks/audit/log/note.h"
#include "sinks/audit/log/plain_file.h"

namespace portcall::sinks::audit {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

// No terminal is asked for a passphrase: a server starts unattended.
int NoPassphrase(char*, int, int, void*) { return -1; }

Result<std::string> Generate(const std::filesystem::path& file) {
  const KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!key || !bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Error(Errc::kInternal, "making an Ed25519 key failed");
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  std::string pem(data, static_cast<std::size_t>(size));
  if (auto written = runtime::MakeFile(file, pem, 0600); !written) return written.error();
  return pem;
}

}  // namespace

Result<SigningKey> SigningKey::Load(const std::filesystem::path& file, std::string name, bool make) {
  // The operator's own file may be a link to a secret.
  Result<std::string> pem = make ? ReadPlain(file) : runtime::ReadWhole(file);
  if (!pem && pem.error().code == Errc::kNotFound && make) {
    pem = Generate(file);
    // Its folder was away until now, as a volume may be, with the key that signed what lies there.
    if (!pem && pem.error().code == Errc::kConflict) pem = ReadPlain(file);
  }
  if (!pem) return Error(Errc::kInvalid, "the key of the audit log: " + pem.error().detail);
  const Bio bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  KeyHandle key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr) : nullptr);
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return Error(Errc::kInvalid, file.string() + " holds no Ed25519 private key (PEM, without a passphrase)");
  }
  std::array<unsigned char, 32> raw{};
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1) {
    return Error(Errc::kInvalid, file.string() + ": the public key cannot be had from it");
  }
  VerifierKey verifier(std::move(name), {reinterpret_cast<const char*>(raw.data()), raw.size()});
  return SigningKey(std::move(key), std::move(verifier));
}

}  // namespace portcall::sinks::audit
