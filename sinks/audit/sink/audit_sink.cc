#include "sinks/audit/sink/audit_sink.h"

#include <algorithm>
#include <utility>

#include "runtime/clock.h"
#include "sinks/audit/log/segments.h"
#include "sinks/audit/sink/audit_config.h"
#include "sinks/audit/sink/writer.h"

namespace portcall::sinks {
namespace {

class AuditSink final : public Sink {
 public:
  explicit AuditSink(std::shared_ptr<audit::Writer> writer) : writer_(std::move(writer)) {}
  ~AuditSink() override { writer_->Leave(); }
  AuditSink(const AuditSink&) = delete;
  AuditSink& operator=(const AuditSink&) = delete;

  Capacity capacity() const override {
    Capacity capacity;
    capacity.window = audit::Writer::kWindow;
    capacity.pipelines_lanes = true;
    return capacity;
  }

  void Open(const std::string& receipt) override { writer_->Start(receipt); }

  Task<Outcome> Deliver(Batch batch) override {
    const auto started = runtime::SystemClock().Ticks();
    Outcome outcome = co_await audit::Writer::Take(writer_, std::move(batch.events));
    outcome.latency = runtime::SystemClock().Ticks() - started;
    co_return outcome;
  }

  Task<> Close() override { return audit::Writer::Close(writer_); }
  void Interrupt() override { writer_->Interrupt(); }
  void Abort() override { writer_->Interrupt(); }  // Close() refuses what comes later
  std::string Trouble() const override { return writer_->trouble(); }

 private:
  std::shared_ptr<audit::Writer> writer_;
};

}  // namespace

Result<std::unique_ptr<Sink>> MakeAudit(const config::Endpoint& endpoint, const Surroundings& around) {
  const std::string where = "endpoint " + endpoint.name + ": ";
  const auto settings = endpoint.As<AuditConfig>();
  if (!settings || settings->directory.empty()) {
    return Error(Errc::kInvalid, where + "an audit log needs a directory");
  }
  const AuditConfig& config = *settings;
  const std::optional<audit::Format> format = audit::FormatOf(config.format);
  if (!format) return Error(Errc::kInvalid, where + "unknown format '" + config.format + "'");
  if (!audit::IsKeyName(config.origin)) {
    return Error(Errc::kInvalid, where + "origin '" + config.origin + "' cannot name a checkpoint");
  }

  audit::WriterOptions options;
  options.log.folder = config.directory;
  options.log.format = *format;
  options.log.source = endpoint.source;
  options.log.checkpoint_records = static_cast<std::uint64_t>(std::max(1, config.checkpoint_records));
  options.log.checkpoint_interval = config.checkpoint_interval;
  options.log.rotate_bytes = config.rotate_bytes;
  options.log.rotate_interval = config.rotate_interval;
  options.tidy.folder = config.directory;
  options.tidy.compress = config.compress;
  options.tidy.keep = config.keep;
  options.endpoint = endpoint.name;
  options.hidden = endpoint.hidden;
  options.timeout = endpoint.timeout;
  options.publish = config.publish;
  options.origin = config.origin;
  options.keep_origin = config.default_origin;
  options.make_key = config.key.empty();
  options.key_file = options.make_key ? options.log.folder / audit::kPrivateKey : std::filesystem::path(config.key);
  // The folder is not looked at: what is wrong with a disk makes the endpoint wait, and does not stop the registry.
  if (!options.make_key) {
    const auto key = audit::SigningKey::Load(options.key_file, options.origin, /*make=*/false);
    if (!key) return Error(Errc::kInvalid, where + key.error().detail);
  }
  auto lanes = audit::FolderLanes::Of(around.lanes, options.log.folder, endpoint.hidden);
  if (!lanes) return Error(lanes.error().code, where + lanes.error().detail);
  return std::unique_ptr<Sink>(
      std::make_unique<AuditSink>(std::make_shared<audit::Writer>(std::move(options), std::move(*lanes), around)));
}

}  // namespace portcall::sinks
