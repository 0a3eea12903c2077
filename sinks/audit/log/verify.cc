#include "sinks/audit/log/verify.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "runtime/files.h"
#include "sinks/audit/log/folder_lock.h"
#include "sinks/audit/log/plain_file.h"
#include "sinks/audit/log/position.h"
#include "sinks/audit/log/receipt.h"
#include "sinks/audit/log/segments.h"
#include "sinks/audit/log/signed_checkpoints.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::uint64_t kProgressEvery = 1 << 14;  // records
constexpr int kTries = 3;

bool IsMissing(const Error& error) { return error.code == Errc::kNotFound; }

std::string Range(std::uint64_t first, std::uint64_t end) {
  if (end == first + 1) return "record " + std::to_string(first) + " is";
  return "records " + std::to_string(first) + " to " + std::to_string(end - 1) + " are";
}

class Verifier {
 public:
  Verifier(const VerifyOptions& options, VerifierKey key) : options_(options), key_(std::move(key)) {}

  Result<VerifyReport> Run();

 private:
  Result<void> ListEnds();
  Result<void> LoadCheckpoints();
  void LoadReceipt(std::uint64_t own);
  void CheckEnds();
  Result<void> FindStart();
  Result<void> CheckBegun();
  Result<void> ReadAll();
  Result<void> ReadSegment(const Segment& segment, bool last);
  void CheckLine(std::string_view line);
  void Diagnose(const std::optional<Link>& link, bool linked);
  void CompareRoots();
  void CheckEnd();
  void CheckVouched();
  void CheckState();
  void Find(Finding finding) { report_.Find(std::move(finding)); }
  void FindHere(std::optional<std::uint64_t> record, std::string what) {
    Find({file_, line_, record, std::move(what)});
  }

  const VerifyOptions& options_;
  const VerifierKey key_;
  VerifyReport report_;
  std::vector<Segment> segments_;
  std::vector<std::uint64_t> ends_;            // of closed segments, as n of the record after
  std::vector<SignedCheckpoint> checkpoints_;  // by size
  std::size_t compared_ = 0;                   // of those
  std::uint64_t last_good_ = 0;                // size at the last checkpoint that fitted
  Hashing hashing_;
  Tree tree_;
  Hash prev_ = Genesis();
  std::uint64_t next_ = 0;          // n of the record that must come
  std::optional<Position> state_;   // of the writer, as it was at first
  bool prev_known_ = true;          // false behind a gap
  bool written_ = false;            // by somebody, when this began
  bool intact_ = true;              // no damage yet, so that roots can be compared
  std::string file_, before_file_;  // of this line and of the one before
  std::uint64_t line_ = 0, before_line_ = 0;
  std::uint64_t bytes_before_ = 0, bytes_total_ = 0;
};

Result<VerifyReport> Verifier::Run() {
  report_.key = key_.Text();
  report_.own_key = !options_.key;
  written_ = IsLocked(options_.folder);
  // In this order, because the log may grow meanwhile: how far it must go is read first, checkpoints after the list of
  // closed segments that they must cover, and records after the checkpoints that cover them.
  if (const auto state = ReadPlain(options_.folder / kState); !state && !IsMissing(state.error())) {
    if (state.error().code != Errc::kInvalid) return state.error();
    Find({(options_.folder / kState).string(), 0, std::nullopt, state.error().detail});
  }
  state_ = LoadState(options_.folder);
  if (auto listed = ListEnds(); !listed) return listed.error();
  if (auto loaded = LoadCheckpoints(); !loaded) return loaded.error();
  if (auto found = FindStart(); !found) return found.error();
  if (auto begun = CheckBegun(); !begun) return begun.error();
  CheckEnds();
  if (auto read = ReadAll(); !read) return read.error();
  CheckEnd();
  CheckVouched();
  CheckState();
  return std::move(report_);
}

Result<void> Verifier::ListEnds() {
  const Result<std::vector<Segment>> segments = ListSegments(options_.folder);
  if (!segments) return segments.error();
  for (const Segment& segment : *segments) ends_.push_back(segment.first);
  return {};
}

// Removing or closing a segment leaves a checkpoint of all records before: reports those that are missing.
void Verifier::CheckEnds() {
  if (next_ > 0) ends_.push_back(next_);
  std::ranges::sort(ends_);
  ends_.erase(std::ranges::unique(ends_).begin(), ends_.end());
  std::uint64_t missing = 0, first = 0;
  for (const std::uint64_t end : ends_) {
    if (end == 0 || end < next_) continue;
    const auto same = std::ranges::equal_range(checkpoints_, end, {}, [](const auto& one) { return one.size; });
    if (std::ranges::any_of(same, [](const SignedCheckpoint& one) { return !one.outside; })) continue;
    if (missing++ == 0) first = end;
  }
  if (missing == 0) return;
  Find({(options_.folder / kCheckpoints).string(), 0, first - 1,
        "a checkpoint ends each closed segment, but the one of the records before " + std::to_string(first) +
            (missing == 1 ? "" : " and " + std::to_string(missing - 1) + " more") + " is missing"});
}

// The receipt in the database is one more checkpoint from outside.
void Verifier::LoadReceipt(std::uint64_t own) {
  const DatabaseFacts& database = *options_.database;
  if (database.receipt.empty()) {
    report_.notes.push_back("the database carries no root yet: it says how many events were recorded, and not which");
    return;
  }
  const auto receipt = Receipt::Open(database.receipt, key_);
  if (!receipt) {
    Find({database.file.string(), 0, std::nullopt,
          "the database knows of another audit log, or its root was changed: this key did not sign it"});
    return;
  }
  const auto file = std::make_shared<const std::string>(database.file.string());
  checkpoints_.push_back({receipt->checkpoint.size, receipt->checkpoint.root, file, 0, true});
  if (receipt->covered <= own) return;
  Find({(options_.folder / kCheckpoints).string(), 0, std::nullopt,
        "checkpoints are missing: the last one covers " + std::to_string(own) +
            " records, but the database knows of one that covers " + std::to_string(receipt->covered)});
}

Result<void> Verifier::LoadCheckpoints() {
  Result<std::vector<SignedCheckpoint>> own = LoadOwn(options_.folder, key_, report_);
  if (!own) return own.error();
  checkpoints_ = std::move(*own);
  if (options_.database) LoadReceipt(checkpoints_.empty() ? 0 : checkpoints_.back().size);
  for (const std::filesystem::path& file : options_.outside) {
    Result<std::vector<SignedCheckpoint>> outside = LoadOutside(file, key_, report_);
    if (!outside) return outside.error();
    checkpoints_.insert(checkpoints_.end(), outside->begin(), outside->end());
  }
  std::ranges::sort(checkpoints_, {}, [](const SignedCheckpoint& one) { return one.size; });
  return {};
}

Result<void> Verifier::FindStart() {
  Result<Position> retained = LoadRetained(options_.folder, key_);
  if (!retained && retained.error().code == Errc::kInvalid) {
    Find({(options_.folder / kRetained).string(), 0, std::nullopt, retained.error().detail});
  } else if (!retained && !IsMissing(retained.error())) {
    return retained.error();
  }
  if (retained) {
    tree_ = retained->tree;
    prev_ = retained->prev;
    next_ = retained->size();
    report_.notes.push_back("records before " + std::to_string(next_) + " were removed by retention, which is signed");
  }
  report_.first = report_.end = last_good_ = next_;
  std::vector<std::filesystem::path> strange;
  Result<std::vector<Segment>> segments = ListSegments(options_.folder, &strange);
  if (!segments) return segments.error();
  segments_ = std::move(*segments);
  for (const std::filesystem::path& one : strange) {
    Find({one.string(), 0, std::nullopt, "this is " + WhyNotPlain(one) + ", and no file of the log: put there"});
  }
  // Segments that retention has given up but not yet deleted are no longer part of the log.
  std::erase_if(segments_, [&](const Segment& segment) { return segment.first < next_; });
  for (const Segment& segment : segments_) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(segment.file, ignored);
    if (!ignored) bytes_total_ += size;
  }
  std::map<std::string_view, std::uint64_t> older;  // by file
  for (; compared_ < checkpoints_.size() && checkpoints_[compared_].size < next_; ++compared_) {
    if (checkpoints_[compared_].outside) ++older[*checkpoints_[compared_].file];
  }
  for (const auto& [file, count] : older) {
    report_.notes.push_back(std::string(file) + ": " + std::to_string(count) +
                            " of its checkpoints are older than the first record that is kept");
  }
  CompareRoots();
  return {};
}

// From its beginning on a log has a segment, and its writer has left the key beside it.
Result<void> Verifier::CheckBegun() {
  if (!segments_.empty()) return {};
  std::error_code error;
  const bool has_key = std::filesystem::exists(options_.folder / kPublicKey, error);
  if (error) return Error(Errc::kUnavailable, (options_.folder / kPublicKey).string() + ": " + error.message());
  const bool counted = options_.database && options_.database->delivered > 0;
  if (!has_key && !state_ && next_ == 0 && checkpoints_.empty() && !counted) {
    return Error(Errc::kInvalid, options_.folder.string() + " holds no audit log");
  }
  Find({options_.folder.string(), 0, std::nullopt,
        "an audit log was begun here, but there is no file of records: deleted"});
  return {};
}

Result<void> Verifier::ReadAll() {
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    if (auto read = ReadSegment(segments_[i], i + 1 == segments_.size()); !read) return read;
  }
  report_.segments = segments_.size();
  report_.bytes = bytes_before_;
  return {};
}

Result<void> Verifier::ReadSegment(const Segment& segment, bool last) {
  Result<LineReader> lines = LineReader::Open(segment);
  if (!lines) return lines.error();
  file_ = segment.file.string();
  line_ = 0;
  if (segment.first > next_) {
    FindHere(next_, Range(next_, segment.first) + " missing before this segment: deleted");
    intact_ = prev_known_ = false;
    next_ = segment.first;
  } else if (segment.first < next_) {
    FindHere(segment.first, "by its name this file begins with record " + std::to_string(segment.first) +
                                ", which stands in the midst of another: put there");
  }
  std::string_view line;
  LineReader::Got got;
  while ((got = lines->Next(line)) == LineReader::Got::kLine) {
    ++line_;
    CheckLine(line);
    before_line_ = line_;
    if (line_ == 1) before_file_ = file_;
    if (options_.progress && next_ % kProgressEvery == 0) {
      options_.progress({bytes_before_ + lines->bytes_read(), bytes_total_, next_ - report_.first});
    }
  }
  if (got == LineReader::Got::kFailed) return Error(Errc::kUnavailable, lines->trouble());
  bytes_before_ += lines->bytes_read();
  ++line_;
  if (got == LineReader::Got::kDamaged) {
    FindHere(next_, lines->trouble());
    intact_ = prev_known_ = false;
  } else if (got == LineReader::Got::kUnfinished && last && !segment.compressed) {
    report_.notes.push_back(file_ + " ends in an unfinished line: it is being written, or a crash cut it short");
  } else if (got == LineReader::Got::kUnfinished) {
    FindHere(next_, "the last line is cut off");
    intact_ = prev_known_ = false;
  }
  return {};
}

void Verifier::CheckLine(std::string_view line) {
  const std::optional<Link> link = LinkOf(line);
  char expected[2 * sizeof(Hash)];
  HexInto(prev_, expected);
  const bool linked = link && (!prev_known_ || std::memcmp(expected, link->prev.data(), sizeof expected) == 0);
  if (!linked || link->n != next_) Diagnose(link, linked);
  prev_ = hashing_.Leaf(line);
  prev_known_ = true;
  next_ = link ? link->n + 1 : next_ + 1;
  if (!intact_) return;
  tree_.Append(hashing_, prev_);
  if (compared_ < checkpoints_.size() && checkpoints_[compared_].size == tree_.size()) CompareRoots();
}

void Verifier::Diagnose(const std::optional<Link>& link, bool linked) {
  intact_ = false;
  if (!link) {
    FindHere(next_, "this line is no record of an audit log: edited or inserted");
  } else if (link->n > next_) {
    FindHere(next_, Range(next_, link->n) + " missing before this line: deleted or moved");
  } else if (link->n < next_) {
    FindHere(link->n, "record " + std::to_string(link->n) + " stands behind record " + std::to_string(next_ - 1) +
                          ": inserted, repeated or moved");
  } else if (!linked && link->n == 0) {
    FindHere(0, "the first record claims to follow another: it was edited, or those before it were removed");
  } else if (!linked) {
    Find({before_file_, before_line_, link->n - 1,
          "record " + std::to_string(link->n - 1) + " was edited or replaced: record " + std::to_string(link->n) +
              " carries another hash of it"});
  }
}

void Verifier::CompareRoots() {
  for (; compared_ < checkpoints_.size() && checkpoints_[compared_].size == tree_.size(); ++compared_) {
    const SignedCheckpoint& one = checkpoints_[compared_];
    if (!intact_) continue;
    if (tree_.Root(hashing_) == one.root) {
      last_good_ = tree_.size();
      continue;
    }
    intact_ = false;
    Find({*one.file, one.line, last_good_,
          "this checkpoint covers other records: " + Range(last_good_, tree_.size()) +
              " not what was signed; one or more were changed and the chain was computed anew"});
  }
}

void Verifier::CheckEnd() {
  report_.end = next_;
  std::uint64_t uncompared = 0;
  const SignedCheckpoint* missing = nullptr;
  for (const SignedCheckpoint& one : checkpoints_) {
    const std::uint64_t size = one.size;
    report_.covered = std::max(report_.covered, size);
    if (one.outside) report_.covered_outside = std::max(report_.covered_outside, size);
    if (size > next_) {
      missing = &one;
    } else if (!intact_ && size > last_good_) {
      ++uncompared;
    }
  }
  if (missing != nullptr) {
    Find({*missing->file, missing->line, next_,
          "the log ends before record " + std::to_string(next_) +
              ", but this checkpoint covers more: " + Range(next_, missing->size) + " missing: truncated"});
  }
  if (uncompared > 0) {
    report_.notes.push_back(std::to_string(uncompared) + " checkpoints behind the damage could not be compared");
  }
  if (report_.checkpoints == 0 && report_.records() > 0) {
    report_.notes.push_back("there is no checkpoint: none of the records is signed");
  }
  if (!options_.database || !options_.database->receipt.empty()) return;
  const auto delivered = static_cast<std::uint64_t>(std::max<std::int64_t>(0, options_.database->delivered));
  report_.covered = std::max(report_.covered, std::min(delivered, next_));
  report_.covered_outside = std::max(report_.covered_outside, std::min(delivered, next_));
  if (delivered > next_) {
    Find({options_.folder.string(), 0, next_,
          "the database says that " + std::to_string(delivered) + " events were recorded, the log ends before record " +
              std::to_string(next_) + ": truncated, or begun after the endpoint"});
  }
}

// Whoever goes on with the chain behind all that is signed leaves no contradiction. A log that nobody writes ends in a
// checkpoint, unless it was cut short.
void Verifier::CheckVouched() {
  const bool rooted = options_.database && !options_.database->receipt.empty();
  if (!intact_ || next_ <= report_.covered || (report_.checkpoints == 0 && !rooted)) return;
  const std::string what = Range(report_.covered, next_) + " vouched for by nothing";
  if (rooted && !written_ && !IsLocked(options_.folder)) {
    Find({file_, 0, report_.covered,
          what +
              ": neither a checkpoint nor the database's root covers what was added behind them, by somebody or just "
              "before a crash"});
  } else {
    report_.notes.push_back(what + ": no checkpoint covers them yet");
  }
}

// The state is unsigned and only helps the writer to start, but it shows how far the log had come.
void Verifier::CheckState() {
  if (!state_ || state_->size() <= next_) return;
  Find({(options_.folder / kState).string(), 0, next_,
        "the writer had come to record " + std::to_string(state_->size()) + ": " + Range(next_, state_->size()) +
            " missing: truncated"});
}

// Retention may remove a segment that was listed, but not yet read.
Result<VerifyReport> VerifyWith(const VerifyOptions& options, const VerifierKey& key) {
  for (int left = kTries;;) {
    Result<VerifyReport> report = Verifier(options, key).Run();
    if (report || !IsMissing(report.error()) || --left == 0) return report;
  }
}

}  // namespace

Result<VerifyReport> Verify(const VerifyOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_directory(options.folder, error)) {
    const bool missing = !error || error == std::errc::no_such_file_or_directory;
    return Error(missing ? Errc::kNotFound : Errc::kUnavailable,
                 options.folder.string() + (missing ? " is no folder" : ": " + error.message()));
  }
  if (options.key) return VerifyWith(options, *options.key);
  const std::filesystem::path beside = options.folder / kPublicKey;
  if (const std::string what = WhyNotPlain(beside); !what.empty()) {
    return Error(Errc::kInvalid, beside.string() + " is " + what + ", and no key: name the verifier key with --key");
  }
  const Result<VerifierKey> key = VerifierKey::FromFile(beside);
  if (key) return VerifyWith(options, *key);
  if (!IsMissing(key.error()) && key.error().code != Errc::kInvalid) return key.error();
  return Error(Errc::kInvalid, key.error().detail + ": name the verifier key with --key");
}

}  // namespace portcall::sinks::audit
