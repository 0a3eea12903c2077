#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/task.h"
#include "sinks/kafka/client.h"
#include "sinks/kafka/message.h"
#include "sinks/kind.h"

namespace portcall::sinks {

// Asks the brokers, on a lane and now and then, for the topics that events go to, and tells the log which are missing
// and where a number of partitions has changed: from then on a key's later events may be elsewhere than its earlier
// ones. One loop; ends with the object, what the lane still does has no effect.
class KafkaTopicWatch {
 public:
  // `current`: the client to ask, null: none at the moment. Called while the watch is there.
  using Current = std::function<std::shared_ptr<KafkaClient>()>;
  // `hidden` is taken out of what the log is told.
  KafkaTopicWatch(std::string endpoint, const KafkaMessages& messages, Current current, std::vector<std::string> hidden,
                  const Surroundings& around);
  ~KafkaTopicWatch();

  struct Finding {
    std::vector<std::string> missing;  // all that are missing now
    std::vector<std::string> changed;  // "name: 6, now 12 partitions"
  };
  // What is new in `now`; the counts that stay known are kept in `known`. Pure.
  static Finding Compare(KafkaClient::PartitionCounts& known, const KafkaClient::PartitionCounts& now);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace portcall::sinks
