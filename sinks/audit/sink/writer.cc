#include "sinks/audit/sink/writer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "config/hidden.h"
#include "runtime/mutex.h"
#include "sinks/audit/log/folder_lock.h"
#include "sinks/audit/log/segments.h"
#include "sinks/audit/sink/look.h"

namespace portcall::sinks::audit {
namespace {

using namespace std::chrono_literals;

// How long to wait for a log that another sink of this process is about to leave, because its entry was changed.
constexpr std::chrono::milliseconds kHandover = 1s, kHandoverPoll = 20ms;
constexpr std::chrono::milliseconds kTick = 60s, kShortestTick = 10ms;
constexpr std::chrono::seconds kPatience = 2s;  // with a disk that does not answer at the end

Outcome Delivered(const std::string& receipt) {
  Outcome outcome;
  outcome.verdict = Verdict::kDelivered;
  outcome.receipt = receipt;
  return outcome;
}

Outcome Failed(const std::string& why) {
  Outcome outcome;
  outcome.error = why;
  return outcome;
}

// Something in the folder was signed, or would have to be.
bool HoldsLog(const std::filesystem::path& folder) {
  const auto segments = ListSegments(folder);
  const auto holds = [](const std::filesystem::path& file) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(file, ignored);
    return !ignored && size > 0;
  };
  if (holds(folder / kCheckpoints) || holds(folder / kRetained)) return true;
  return segments && std::ranges::any_of(*segments, [&](const Segment& one) { return holds(one.file); });
}

bool IsChanged(const Result<void>& result) {
  return !result && (result.error().code == Errc::kInvalid || result.error().code == Errc::kNotFound);
}

}  // namespace

// The events of one write. A lane that is stuck may come to it when they have failed long since: then they are not
// written, because they were handed over again.
class Writer::Load {
 public:
  explicit Load(std::vector<store::EventPtr> events) : events_(std::move(events)) {}

  // On the lane; what it returns is touched by the lane alone from then on.
  const std::vector<store::EventPtr>& Begin() {
    const runtime::MutexLock lock(mutex_);
    begun_ = true;
    return events_;
  }
  void Drop() {
    const runtime::MutexLock lock(mutex_);
    if (!begun_) events_.clear();
  }

 private:
  runtime::Mutex mutex_;
  bool begun_ GUARDED_BY(mutex_) = false;
  std::vector<store::EventPtr> events_;
};

Result<FolderLanes> FolderLanes::Of(runtime::Lanes& lanes, const std::filesystem::path& folder,
                                    const std::vector<std::string>& hidden) {
  std::string name = "audit log " + folder.string();
  // Folders that look alike without it are told apart.
  if (std::string shown = config::Hidden(name, hidden); shown != name) {
    name = std::move(shown) + " #" + std::to_string(std::hash<std::string>()(folder.string()) % 10'000);
  }
  auto writing = lanes.Of(name);
  if (!writing) return writing.error();
  auto tidying = lanes.Of(name + ", old segments");
  if (!tidying) return tidying.error();
  return FolderLanes{std::move(*writing), std::move(*tidying)};
}

Writer::Writer(WriterOptions options, FolderLanes lanes, const Surroundings& around)
    : options_(std::move(options)),
      executor_(around.executor),
      logger_(around.log, options_.hidden),
      lanes_(std::move(lanes)),
      publish_(around.publish),
      tick_(around.executor),
      deadline_(around.executor) {}

void Writer::Start(const std::string& receipt) {
  receipt_ = receipt;
  due_ = true;
  Write();
  ArmTick();
}

void Writer::ArmTick() {
  // Often enough that what is due is not late by much.
  const auto period = std::min({options_.log.checkpoint_interval / 4, options_.log.rotate_interval / 4, kTick});
  tick_.expires_after(std::max(period, kShortestTick));
  tick_.async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = ec ? nullptr : weak.lock();
    if (!self || self->closed_) return;
    self->due_ = true;
    self->Write();
    self->ArmTick();
  });
}

Task<Outcome> Writer::Take(std::shared_ptr<Writer> self, std::vector<store::EventPtr> events) {
  if (self->closed_ || self->late_ || self->unheard_ > 0) {
    co_return Failed(self->trouble_.empty() ? "the audit log is not written" : self->trouble_);
  }
  Outcome outcome = co_await Suspend<Outcome>([&](Resume<Outcome> resume) {
    self->queue_.push_back({std::move(events), std::move(resume)});
    self->Write();
  });
  if (outcome.verdict != Verdict::kDelivered) --self->unheard_;
  co_return outcome;
}

void Writer::Write() {
  if (busy_ || closed_ || (queue_.empty() && !due_)) return;
  // What tidies a folder must not go on in another one.
  if (changed_ && tidying_) return FailAll("the folder of the audit log was changed");
  busy_ = true;
  due_ = false;
  std::vector<store::EventPtr> events;
  for (Waiting& waiting : queue_) {
    events.insert(events.end(), waiting.events.begin(), waiting.events.end());
    writing_.push_back(std::move(waiting));
  }
  queue_.clear();
  ArmDeadline();
  const bool anew = std::exchange(changed_, false);
  load_ = std::make_shared<Load>(std::move(events));
  lanes_.writing->Post([self = shared_from_this(), load = load_, anew] {
    self->Run(load, anew, std::chrono::steady_clock::now() + kHandover);
  });
}

void Writer::Run(std::shared_ptr<Load> load, bool anew, std::chrono::steady_clock::time_point until) {
  Done done;
  if (!left_) done = Work(load->Begin(), anew);
  if (done.held && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kHandoverPoll);
    // Behind the job by which another sink of this process leaves the folder.
    lanes_.writing->Post(
        [self = shared_from_this(), load = std::move(load), anew, until] { self->Run(load, anew, until); });
    return;
  }
  asio::post(executor_,
             [self = shared_from_this(), done = std::move(done)]() mutable { self->Finish(std::move(done)); });
}

// A disk that does not answer must not hold attempts for longer than the endpoint allows.
void Writer::ArmDeadline() {
  deadline_.expires_after(options_.timeout);
  deadline_.async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = ec ? nullptr : weak.lock();
    if (!self || !self->busy_) return;
    self->late_ = true;
    self->trouble_ = "the disk of the audit log does not answer";
    self->logger_.Error("audit log: the disk does not answer", {{"endpoint", self->options_.endpoint}});
    self->FailAll(self->trouble_);
  });
}

Writer::Done Writer::Work(const std::vector<store::EventPtr>& events, bool anew) {
  Done done;
  try {
    if (anew) log_.reset();
    const bool was_open = log_ != nullptr;
    done.written = OpenLog(!events.empty());
    done.held = !done.written && done.written.error().code == Errc::kConflict;
    if (!log_) return done;
    done.open = true;
    if (!was_open && log_->begun_anew()) done.receipt_before = receipt_;
    if (!events.empty()) done.written = log_->Append(events);
    if (done.written) done.kept = log_->Tick();
    if (done.written && !events.empty()) done.receipt = receipt_ = log_->MakeReceipt();
    done.notes = log_->TakeNotes();
    done.segment = log_->segment();
    done.changed = IsChanged(done.written) || IsChanged(done.kept);
  } catch (const std::exception& e) {
    done.written = Error(Errc::kInternal, std::string("the audit log: ") + e.what());
  }
  return done;
}

Result<void> Writer::OpenLog(bool wanted) {
  if (log_) return {};
  Result<void> opened = TryOpen();
  // Its holder may be about to leave, and no event needs it yet.
  if (!opened && opened.error().code == Errc::kConflict && !wanted) return {};
  return opened;
}

Result<SigningKey> Writer::LoadKey() {
  std::error_code ignored;
  const bool there = std::filesystem::exists(std::filesystem::symlink_status(options_.key_file, ignored));
  if (options_.make_key && !there && HoldsLog(options_.log.folder)) {
    return Error(Errc::kInvalid, options_.key_file.string() +
                                     " is gone, which signed the audit log: restore it, or move the folder aside, and "
                                     "a new log begins");
  }
  Result<SigningKey> key = SigningKey::Load(options_.key_file, options_.origin, options_.make_key);
  if (!key || !options_.keep_origin) return key;
  const auto begun_with = FindOrigin(options_.log.folder, key->verifier(), receipt_);
  if (!begun_with || *begun_with == options_.origin) return key;
  logger_.Info("audit log: it keeps the origin that it began with",
               {{"endpoint", options_.endpoint}, {"origin", *begun_with}, {"default", options_.origin}});
  return SigningKey::Load(options_.key_file, *begun_with, false);
}

// A refused folder that has not changed is not read again: the result would be the same, and reading may take long. A
// key that lies elsewhere is part of what was refused.
Result<void> Writer::TryOpen() {
  const auto look = [this] {
    const std::string key = options_.make_key ? "" : LookOfFile(options_.key_file);
    return key + LookOfFolder(options_.log.folder);
  };
  const std::string before = look();
  if (refused_ && before == refused_look_) return *refused_;
  refused_.reset();
  if (auto made = runtime::MakeFolders(options_.log.folder, 0750); !made) return made;
  // Before a key is made: two that begin one empty folder at once would each make one.
  Result<runtime::Fd> lock = LockFolder(options_.log.folder);
  if (!lock) return lock.error();
  // The folder may be another one than at the last try, with a key of its own.
  Result<SigningKey> key = LoadKey();
  if (!key) return key.error();
  key_ = std::make_shared<const SigningKey>(std::move(*key));
  LogOptions log = options_.log;
  log.receipt = receipt_;
  auto opened = AuditLog::Open(std::move(log), key_, logger_, std::move(*lock));
  if (opened) {
    log_ = std::move(*opened);
    return {};
  }
  if (opened.error().code == Errc::kInvalid && look() == before) {  // else it may be another one already
    refused_ = opened.error();
    refused_look_ = before;
  }
  return opened.error();
}

void Writer::Finish(Done done) {
  busy_ = false;
  changed_ = done.changed;
  deadline_.cancel();
  if (!late_) Tell(done);
  if (std::exchange(late_, false)) {
    trouble_.clear();  // ArmDeadline() failed its events; those that were written after all are skipped later
  } else if (done.written) {
    for (Waiting& waiting : writing_) waiting.resume(Delivered(done.receipt));
    writing_.clear();
  } else {
    FailAll(logger_.Hide(done.written.error().detail));
  }
  if (closed_) return End();
  if (!done.receipt_before.empty()) PublishBeginning(done.receipt_before);
  for (std::string& note : done.notes) Publish(std::move(note));
  if (done.open && !changed_) TidyUp(done.segment);
  Write();
}

// One line when something begins to go wrong, and one when that is over.
void Writer::Tell(const Done& done) {
  const std::string now = logger_.Hide(!done.written ? done.written.error().detail
                                       : !done.kept  ? done.kept.error().detail
                                                     : "");
  if (now == trouble_) return;
  if (now.empty()) {
    logger_.Info("audit log: it is written again", {{"endpoint", options_.endpoint}});
  } else {
    logger_.Error("audit log: it cannot be written", {{"endpoint", options_.endpoint}, {"error", now}});
  }
  trouble_ = now;
}

void Writer::FailAll(const std::string& why) {
  for (Waiting& waiting : queue_) writing_.push_back(std::move(waiting));
  queue_.clear();
  if (load_) load_->Drop();
  unheard_ += writing_.size();
  for (Waiting& waiting : std::exchange(writing_, {})) waiting.resume(Failed(why));
}

void Writer::Publish(std::string note) {
  if (!options_.publish || !publish_) return;
  publish_(store::SystemEvent(store::Action::kCheckpoint, std::move(note)));
}

// Records in the new log what the database knew of the log before, because the database forgets that from now on.
void Writer::PublishBeginning(const std::string& receipt_before) {
  if (!publish_) return;
  publish_(store::SystemEvent(
      store::Action::kEndpoint,
      "endpoint " + options_.endpoint + ": a new audit log begins in " + logger_.Hide(options_.log.folder.string()) +
          "; of the one before it, what this checkpoint covers was acknowledged:\n\n" + receipt_before));
}

void Writer::TidyUp(std::uint64_t segment) {
  if (tidying_ || (segment == tidied_ && (oldest_.empty() || !options_.tidy.IsOld(oldest_)))) return;
  tidying_ = true;
  lanes_.tidying->Post([self = shared_from_this(), segment]() mutable {
    std::string oldest;
    try {
      oldest = Tidy(self->options_.tidy, segment, *self->key_, self->logger_);
    } catch (const std::exception& e) {
      self->logger_.Error("audit log: cannot be tidied", {{"error", e.what()}});
    }
    const Executor executor = self->executor_;
    asio::post(executor, [self = std::move(self), segment, oldest = std::move(oldest)]() mutable {
      self->tidying_ = false;
      self->tidied_ = segment;
      self->oldest_ = std::move(oldest);
      self->due_ = self->due_ || self->changed_;
      self->closed_ ? self->End() : self->Write();
    });
  });
}

void Writer::Interrupt() { FailAll("stopped before the audit log was written"); }

void Writer::Leave() {
  if (std::exchange(closed_, true)) return;
  left_ = true;
  tick_.cancel();
  deadline_.cancel();
  FailAll("the audit log was closed");
  End();
}

Task<> Writer::Close(std::shared_ptr<Writer> self) {
  self->Leave();
  if (self->ended_) co_return;
  self->deadline_.expires_after(kPatience);
  self->deadline_.async_wait([self](error_code ec) {
    if (!ec && self->closing_) self->closing_(true);
  });
  co_await Suspend<bool>([&self](Resume<bool> resume) { self->closing_ = std::move(resume); });
}

// Closing the log releases its lock, so no other work of this sink may still touch the folder.
void Writer::End() {
  if (busy_ || tidying_ || ended_) return;
  busy_ = true;
  lanes_.writing->Post([self = shared_from_this()]() mutable {
    std::vector<std::string> notes = self->EndLog();
    const Executor executor = self->executor_;
    asio::post(executor, [self = std::move(self), notes = std::move(notes)]() mutable {
      self->ended_ = true;
      self->deadline_.cancel();
      if (!self->closing_) return;
      for (std::string& note : notes) self->Publish(std::move(note));
      self->closing_(true);
    });
  });
}

std::vector<std::string> Writer::EndLog() {
  if (!log_) return {};
  std::vector<std::string> notes;
  try {
    if (auto ended = log_->End(); !ended) {
      logger_.Warn("audit log: no checkpoint at the end", {{"error", ended.error().detail}});
    }
    notes = log_->TakeNotes();
  } catch (const std::exception& e) {
    logger_.Error("audit log: no checkpoint at the end", {{"error", e.what()}});
  }
  log_.reset();
  return notes;
}

}  // namespace portcall::sinks::audit
