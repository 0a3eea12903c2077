#include "tests/sinks/kafka/cluster.h"

#include <stdexcept>

namespace portcall::testing {
namespace {

rd_kafka_t* NewClient(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char why[256];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
      throw std::runtime_error(why);
    }
  }
  rd_kafka_t* client = rd_kafka_new(type, conf, why, sizeof why);
  if (client == nullptr) throw std::runtime_error(why);
  return client;
}

Record RecordOf(const rd_kafka_message_t* message) {
  Record record;
  record.has_key = message->key != nullptr;
  record.key.assign(static_cast<const char*>(message->key), message->key_len);
  record.value.assign(static_cast<const char*>(message->payload), message->len);
  record.partition = message->partition;
  record.offset = message->offset;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    record.headers[name] = std::string(static_cast<const char*>(value), size);
  }
  return record;
}

}  // namespace

MockCluster::MockCluster(int brokers)
    : owner_(NewClient(RD_KAFKA_PRODUCER, {{"log_level", "0"}})),
      cluster_(rd_kafka_mock_cluster_new(owner_, brokers)) {}

MockCluster::~MockCluster() {
  rd_kafka_mock_cluster_destroy(cluster_);
  rd_kafka_destroy(owner_);
}

std::string MockCluster::bootstrap() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }

void MockCluster::MakeTopic(const std::string& topic, int partitions) {
  rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1);
  partitions_[topic] = partitions;
}

void MockCluster::FailTopic(const std::string& topic, rd_kafka_resp_err_t error) {
  rd_kafka_mock_topic_set_error(cluster_, topic.c_str(), error);
}

void MockCluster::AnswerProduce(const std::vector<rd_kafka_resp_err_t>& errors) {
  constexpr std::int16_t kProduce = 0;
  rd_kafka_mock_push_request_errors_array(cluster_, kProduce, errors.size(), errors.data());
}

void MockCluster::AnswerProduceAt(int broker, rd_kafka_resp_err_t error) {
  constexpr std::int16_t kProduce = 0;
  rd_kafka_mock_broker_push_request_error_rtts(cluster_, broker, kProduce, 1, error, 0);
}

void MockCluster::Lead(const std::string& topic, int broker) {
  rd_kafka_mock_partition_set_leader(cluster_, topic.c_str(), 0, broker);
}

void MockCluster::Slow(int broker, std::chrono::milliseconds round_trip) {
  rd_kafka_mock_broker_set_rtt(cluster_, broker, static_cast<int>(round_trip.count()));
}

void MockCluster::AnswerProducers(const std::vector<rd_kafka_resp_err_t>& errors) {
  constexpr std::int16_t kInitProducerId = 22;
  rd_kafka_mock_push_request_errors_array(cluster_, kInitProducerId, errors.size(), errors.data());
}

void MockCluster::Down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
void MockCluster::Up() { rd_kafka_mock_broker_set_up(cluster_, 1); }

std::vector<Record> MockCluster::Consume(const std::string& topic, std::size_t count,
                                         std::chrono::milliseconds patience) const {
  rd_kafka_t* consumer = NewClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap()},
                                                       {"group.id", "reader"},
                                                       {"enable.auto.commit", "false"},
                                                       {"log_level", "0"}});
  rd_kafka_topic_partition_list_t* places = rd_kafka_topic_partition_list_new(4);
  for (std::int32_t i = 0; i < partitions_.at(topic); ++i) {
    rd_kafka_topic_partition_list_add(places, topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(consumer, places);
  rd_kafka_topic_partition_list_destroy(places);
  std::vector<Record> records;
  const auto until = std::chrono::steady_clock::now() + patience;
  while (records.size() < count && std::chrono::steady_clock::now() < until) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 50);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) records.push_back(RecordOf(message));
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return records;
}

}  // namespace portcall::testing
