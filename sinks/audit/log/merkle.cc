#include "sinks/audit/log/merkle.h"

#include <openssl/evp.h>

#include <bit>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

namespace portcall::sinks::audit {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

int ValueOf(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

void Check(int ok) {
  if (ok != 1) throw std::runtime_error("OpenSSL failed: SHA-256");
}

}  // namespace

void HexInto(const Hash& hash, char* out) {
  for (const unsigned char byte : hash) {
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
}

std::string HexOf(const Hash& hash) {
  std::string text(hash.size() * 2, '\0');
  HexInto(hash, text.data());
  return text;
}

bool HashFromHex(std::string_view digits, Hash& hash) {
  if (digits.size() != hash.size() * 2) return false;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = ValueOf(digits[2 * i]);
    const int low = ValueOf(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    hash[i] = static_cast<unsigned char>(high << 4 | low);
  }
  return true;
}

struct Hashing::Impl {
  Impl() : algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context(EVP_MD_CTX_new()) {
    if (algorithm == nullptr || context == nullptr) throw std::bad_alloc();
  }
  ~Impl() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(algorithm);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  EVP_MD* algorithm;
  EVP_MD_CTX* context;
};

Hashing::Hashing() : impl_(std::make_unique<Impl>()) {}
Hashing::~Hashing() = default;
Hashing::Hashing(Hashing&&) noexcept = default;
Hashing& Hashing::operator=(Hashing&&) noexcept = default;

// Copied into one buffer, because each call of OpenSSL costs about as much as hashing a block.
Hash Hashing::Node(const Hash& left, const Hash& right) {
  std::array<char, 1 + 2 * sizeof(Hash)> bytes;
  bytes[0] = '\x01';
  std::memcpy(bytes.data() + 1, left.data(), left.size());
  std::memcpy(bytes.data() + 1 + left.size(), right.data(), right.size());
  return Plain({bytes.data(), bytes.size()});
}

Hash Hashing::Leaf(std::string_view bytes) {
  constexpr char kLeaf = '\0';
  Hash hash;
  Check(EVP_DigestInit_ex2(impl_->context, impl_->algorithm, nullptr));
  Check(EVP_DigestUpdate(impl_->context, &kLeaf, 1));
  Check(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()));
  Check(EVP_DigestFinal_ex(impl_->context, hash.data(), nullptr));
  return hash;
}

Hash Hashing::Plain(std::string_view bytes) {
  Hash hash;
  Check(EVP_DigestInit_ex2(impl_->context, impl_->algorithm, nullptr));
  Check(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()));
  Check(EVP_DigestFinal_ex(impl_->context, hash.data(), nullptr));
  return hash;
}

bool Tree::Restore(std::uint64_t size, std::vector<Hash> roots, Tree& tree) {
  if (static_cast<std::size_t>(std::popcount(size)) != roots.size()) return false;
  tree.size_ = size;
  tree.roots_ = std::move(roots);
  return true;
}

void Tree::Append(Hashing& hashing, const Hash& leaf) {
  Hash top = leaf;
  // Each bit set at the low end is a complete subtree as large as what has been gathered.
  for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    top = hashing.Node(roots_.back(), top);
    roots_.pop_back();
  }
  roots_.push_back(top);
  ++size_;
}

Hash Tree::Root(Hashing& hashing) const {
  if (roots_.empty()) return hashing.Plain({});
  Hash root = roots_.back();
  for (std::size_t i = roots_.size() - 1; i-- > 0;) root = hashing.Node(roots_[i], root);
  return root;
}

}  // namespace portcall::sinks::audit
