#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace portcall::testing {

// A record as a consumer sees it.
struct Record {
  std::string key, value;
  bool has_key = false;
  std::map<std::string, std::string> headers;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};

// librdkafka's mock brokers on ports of their own. From any thread.
class MockCluster {
 public:
  explicit MockCluster(int brokers = 1);
  ~MockCluster();
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  std::string bootstrap() const;
  void MakeTopic(const std::string& topic, int partitions = 4);
  void FailTopic(const std::string& topic, rd_kafka_resp_err_t error);
  // The next answers to requests to write; RD_KAFKA_RESP_ERR_NO_ERROR lets one through.
  void AnswerProduce(const std::vector<rd_kafka_resp_err_t>& errors);
  // The same of one broker, from 1 on.
  void AnswerProduceAt(int broker, rd_kafka_resp_err_t error);
  void Lead(const std::string& topic, int broker);  // its partition 0
  void Slow(int broker, std::chrono::milliseconds round_trip);
  // The next answers to producers that ask to be admitted (InitProducerId).
  void AnswerProducers(const std::vector<rd_kafka_resp_err_t>& errors);
  void Down();
  void Up();

  // Reads a topic from its beginning until `count` records are there, or `patience` passes; in order of arrival within
  // each partition.
  std::vector<Record> Consume(const std::string& topic, std::size_t count,
                              std::chrono::milliseconds patience = std::chrono::seconds(15)) const;

 private:
  rd_kafka_t* owner_;
  rd_kafka_mock_cluster_t* cluster_;
  std::map<std::string, int> partitions_;
};

}  // namespace portcall::testing
