#include "cli/render/diagnosis.h"
#include "cli/render/json.h"
#include "nlohmann/json.hpp"

namespace waitscope::cli {
namespace {

using Json = nlohmann::ordered_json;

bool IsEmpty(const Json& value) {
  if (value.is_number()) return value == 0;
  if (value.is_string()) return value == "0" || value.get_ref<const std::string&>().empty();
  return value.empty();
}

// A metric of zero is a fact.
bool MayGo(const Json& evidence, const std::string& field) {
  return field != "kind" && !(field == "value" && evidence["kind"] == "metric");
}

Json Trimmed(const Json& evidence) {
  Json kept = Json::object();
  for (const auto& [field, value] : evidence.items()) {
    if (!MayGo(evidence, field) || !IsEmpty(value)) kept[field] = value;
  }
  return kept;
}

}  // namespace

std::string RenderDiagnosisJson(const v1::Diagnosis& diagnosis) {
  Json json = Json::parse(RenderJson(diagnosis), nullptr, false);
  if (json.is_discarded()) return "{}\n";
  for (Json& finding : json["findings"]) {
    for (Json& evidence : finding["evidence"]) evidence = Trimmed(evidence);
  }
  return json.dump(1) + "\n";
}

}  // namespace waitscope::cli
