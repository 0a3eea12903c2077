#include "sinks/audit/log/position.h"

#include <charconv>
#include <cstring>
#include <vector>

#include "runtime/files.h"
#include "sinks/audit/log/plain_file.h"
#include "sinks/audit/log/segments.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::string_view kSum = "sum ";
constexpr std::string_view kRetainedHead = "portcall audit log begins here\n";

// One line of the form `word value`, taken from the front of `text`.
std::optional<std::string_view> TakeValue(std::string_view& text, std::string_view word) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(word) || text.substr(word.size(), 1) != " ") {
    return std::nullopt;
  }
  const std::string_view value = text.substr(word.size() + 1, end - word.size() - 1);
  text.remove_prefix(end + 1);
  return value;
}

template <class T>
bool TakeNumber(std::string_view& text, std::string_view word, T& number) {
  const std::optional<std::string_view> value = TakeValue(text, word);
  if (!value) return false;
  const auto [stop, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  return error == std::errc() && stop == value->data() + value->size();
}

}  // namespace

bool Position::Follow(Hashing& hashing, std::string_view line) {
  const std::optional<Link> link = LinkOf(line);
  if (!link || link->n != tree.size()) return false;
  char expected[2 * sizeof(Hash)];
  HexInto(prev, expected);
  if (std::memcmp(expected, link->prev.data(), sizeof expected) != 0) return false;
  prev = hashing.Leaf(line);
  tree.Append(hashing, prev);
  seq = link->SeqNumber();
  recorded = link->recorded;
  return true;
}

std::string EncodePosition(const Position& position) {
  std::string text = "size " + std::to_string(position.size()) + "\nprev " + HexOf(position.prev) + "\nseq " +
                     std::to_string(position.seq) + "\nrecorded " + position.recorded + "\nsegment " +
                     std::to_string(position.segment) + "\noffset " + std::to_string(position.offset) + '\n';
  for (const Hash& root : position.tree.roots()) text += "root " + HexOf(root) + '\n';
  return text;
}

std::optional<Position> DecodePosition(std::string_view text) {
  Position position;
  std::uint64_t size = 0;
  if (!TakeNumber(text, "size", size)) return std::nullopt;
  const auto prev = TakeValue(text, "prev");
  if (!prev || !HashFromHex(*prev, position.prev) || !TakeNumber(text, "seq", position.seq)) return std::nullopt;
  const auto recorded = TakeValue(text, "recorded");
  if (!recorded) return std::nullopt;
  position.recorded = *recorded;
  if (!TakeNumber(text, "segment", position.segment) || !TakeNumber(text, "offset", position.offset)) {
    return std::nullopt;
  }
  std::int64_t begun = 0;
  (void)TakeNumber(text, "begun", begun);  // what older programs wrote
  std::vector<Hash> roots;
  while (!text.empty()) {
    const auto root = TakeValue(text, "root");
    if (!root || !HashFromHex(*root, roots.emplace_back())) return std::nullopt;
  }
  if (!Tree::Restore(size, std::move(roots), position.tree)) return std::nullopt;
  return position;
}

Result<void> SaveState(const std::filesystem::path& folder, const Position& position) {
  std::string text = EncodePosition(position);
  text += std::string(kSum) + HexOf(Hashing().Plain(text)) + '\n';
  return runtime::ReplaceFile(folder / kState, text, 0640);
}

std::optional<Position> LoadState(const std::filesystem::path& folder) {
  const Result<std::string> text = ReadPlain(folder / kState);
  if (!text) return std::nullopt;
  const std::size_t at = text->rfind("\n" + std::string(kSum));
  if (at == std::string::npos) return std::nullopt;
  const std::string_view body = std::string_view(*text).substr(0, at + 1);
  if (std::string_view(*text).substr(body.size()) != std::string(kSum) + HexOf(Hashing().Plain(body)) + '\n') {
    return std::nullopt;
  }
  return DecodePosition(body);
}

Result<void> SaveRetained(const std::filesystem::path& folder, const Position& position, const SigningKey& key) {
  return runtime::ReplaceFile(folder / kRetained, key.Sign(std::string(kRetainedHead) + EncodePosition(position)),
                              0640);
}

Result<Position> LoadRetained(const std::filesystem::path& folder, const VerifierKey& key) {
  const std::filesystem::path file = folder / kRetained;
  const Result<std::string> note = ReadPlain(file);
  if (!note) return note.error();
  const std::optional<std::string> text = key.Open(*note);
  if (!text || !text->starts_with(kRetainedHead)) {
    return Error(Errc::kInvalid, file.string() + " was changed, or another key signed it");
  }
  std::optional<Position> position = DecodePosition(std::string_view(*text).substr(kRetainedHead.size()));
  if (!position) return Error(Errc::kInvalid, file.string() + " cannot be read");
  return std::move(*position);
}

}  // namespace portcall::sinks::audit
