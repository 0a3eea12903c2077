#include <nlohmann/json.hpp>

#include "store/event.h"

namespace portcall::store {

std::string EncodeRetrial(const Retrial* retrial) {
  if (retrial == nullptr) return {};
  return nlohmann::json{{"cursor", retrial->cursor}, {"recorded_at", retrial->recorded_at}, {"seqs", retrial->seqs}}
      .dump();
}

std::shared_ptr<const Retrial> DecodeRetrial(std::string_view json) {
  if (json.empty()) return nullptr;
  const auto read = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  const auto number = [](const nlohmann::json& value) {
    return value.is_number_integer() ? value.get<std::int64_t>() : 0;
  };
  auto retrial = std::make_shared<Retrial>();
  if (!read.is_object()) return retrial;
  retrial->cursor = number(read.value("cursor", nlohmann::json()));
  retrial->recorded_at = number(read.value("recorded_at", nlohmann::json()));
  for (const auto& seq : read.value("seqs", nlohmann::json::array())) retrial->seqs.push_back(number(seq));
  return retrial;
}

}  // namespace portcall::store
