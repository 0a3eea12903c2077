#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::sinks::audit {

using Hash = std::array<unsigned char, 32>;

std::string HexOf(const Hash& hash);
void HexInto(const Hash& hash, char* out);              // 64 digits
bool HashFromHex(std::string_view digits, Hash& hash);  // lower case, 64 of them

// The hashes of RFC 6962 §2.1. The hash of a leaf is also what chains a record to the one before. One thread at a time.
class Hashing {
 public:
  Hashing();
  ~Hashing();
  Hashing(Hashing&&) noexcept;
  Hashing& operator=(Hashing&&) noexcept;
  Hash Leaf(std::string_view bytes);
  Hash Node(const Hash& left, const Hash& right);
  Hash Plain(std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A Merkle tree (RFC 6962) that only grows, as the roots of its complete subtrees, largest first: O(log n) to keep.
class Tree {
 public:
  Tree() = default;
  // Of a size and the roots that belong to it; they are as many as the size has bits set.
  static bool Restore(std::uint64_t size, std::vector<Hash> roots, Tree& tree);

  void Append(Hashing& hashing, const Hash& leaf);
  Hash Root(Hashing& hashing) const;
  std::uint64_t size() const { return size_; }
  const std::vector<Hash>& roots() const { return roots_; }

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> roots_;
};

}  // namespace portcall::sinks::audit
