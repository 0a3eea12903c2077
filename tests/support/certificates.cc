#include "tests/support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>

namespace portcall::testing {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using File = std::unique_ptr<FILE, Free>;

void Check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("making test certificates: ") + what);
}

Key NewKey() {
  Key key(EVP_EC_gen("P-256"));
  Check(key != nullptr, "key");
  return key;
}

void Extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  Check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

// Valid from two days ago; the issuer defaults to the certificate itself.
Certificate New(const std::string& name, EVP_PKEY* key, X509* issuer, long serial, std::chrono::seconds valid_for) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -2 * 24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), static_cast<long>(valid_for.count()));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), issuer ? X509_get_subject_name(issuer) : subject);
  return certificate;
}

void Save(const std::string& path, X509* certificate) {
  const File file(std::fopen(path.c_str(), "w"));
  Check(file && PEM_write_X509(file.get(), certificate) == 1, "writing a certificate");
}

void Save(const std::string& path, EVP_PKEY* key) {
  const File file(std::fopen(path.c_str(), "w"));
  Check(file && PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "writing a key");
}

}  // namespace

struct CertificateAuthority::Impl {
  Key key = NewKey();
  Certificate certificate;
};

CertificateAuthority::CertificateAuthority(const std::string& name) : impl_(std::make_unique<Impl>()) {
  impl_->certificate = New(name, impl_->key.get(), nullptr, issued_++, std::chrono::hours(48));
  X509* const self = impl_->certificate.get();
  Extend(self, self, NID_basic_constraints, "critical,CA:TRUE");
  Extend(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
  Extend(self, self, NID_subject_key_identifier, "hash");
  Check(X509_sign(self, impl_->key.get(), EVP_sha256()) > 0, "signing");
  Save(file(), self);
}

CertificateAuthority::~CertificateAuthority() = default;

CertificateAuthority::Leaf CertificateAuthority::Issue(const std::string& alt_name, std::chrono::seconds valid_for) {
  const long serial = issued_++;
  const Key key = NewKey();
  X509* const issuer = impl_->certificate.get();
  const Certificate leaf = New("leaf " + std::to_string(serial), key.get(), issuer, serial, valid_for);
  Extend(leaf.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  Extend(leaf.get(), issuer, NID_subject_alt_name, alt_name);
  Check(X509_sign(leaf.get(), impl_->key.get(), EVP_sha256()) > 0, "signing");
  Leaf paths{folder_.File(std::to_string(serial) + ".pem"), folder_.File(std::to_string(serial) + ".key")};
  Save(paths.certificate, leaf.get());
  Save(paths.key, key.get());
  return paths;
}

}  // namespace portcall::testing
