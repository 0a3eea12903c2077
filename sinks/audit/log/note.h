#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/result.h"
#include "sinks/audit/log/merkle.h"

struct evp_pkey_st;

namespace portcall::sinks::audit {

// C2SP signed-note with Ed25519 keys, and what C2SP tlog-checkpoint writes in such a note.

struct FreeKey {
  void operator()(evp_pkey_st* key) const;
};
using KeyHandle = std::unique_ptr<evp_pkey_st, FreeKey>;

// A name that the formats allow: not empty, without blanks, control characters and '+'.
bool IsKeyName(std::string_view name);

// Checks signatures. Immutable.
class VerifierKey {
 public:
  // `name+hash+base64`; kInvalid says what is wrong with it.
  static Result<VerifierKey> Parse(std::string_view text);
  static Result<VerifierKey> FromFile(const std::filesystem::path& file);
  VerifierKey(std::string name, std::string raw);  // the 32 bytes of the public key

  const std::string& name() const { return name_; }
  const std::string& id() const { return id_; }                                  // four bytes
  std::string Text() const;                                                      // as Parse reads it
  VerifierKey Named(std::string name) const { return {std::move(name), raw_}; }  // the same key under another name
  bool IsNamedIn(std::string_view note) const;                                   // a signature claims to be this key's
  // The text of a note that bears this key's signature; nothing: it does not, or it is no note.
  std::optional<std::string> Open(std::string_view note) const;

 private:
  struct Claim {
    std::string_view text;
    std::string signature;
  };
  std::optional<Claim> FindClaim(std::string_view note) const;
  bool Verify(std::string_view text, std::string_view signature) const;
  std::string name_, raw_, id_;
};

// The private half. Immutable; signs from any thread.
class SigningKey {
 public:
  // Reads a PEM file, or makes one with mode 0600 where `make` is set and there is none. kInvalid: not readable, or no
  // Ed25519 private key.
  static Result<SigningKey> Load(const std::filesystem::path& file, std::string name, bool make);

  const VerifierKey& verifier() const { return verifier_; }
  std::string Sign(std::string_view text) const;  // the note: text, blank line, signature line

 private:
  SigningKey(KeyHandle key, VerifierKey verifier) : key_(std::move(key)), verifier_(std::move(verifier)) {}
  KeyHandle key_;
  VerifierKey verifier_;
};

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Hash root{};

  std::string Text() const;
  static std::optional<Checkpoint> Parse(std::string_view text);  // the text of a note
};

// The first note in `text`, which may be followed by others after a blank line, with where it ends; nothing: there is
// no complete one.
struct NoteSpan {
  std::size_t begin = 0, end = 0;
};
std::optional<NoteSpan> NextNote(std::string_view text, std::size_t from);

}  // namespace portcall::sinks::audit
