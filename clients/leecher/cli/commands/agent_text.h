#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "clients/leecher/cli/terminal/terminal_text.h"

namespace shoal::leecher::agent_text {

// What people read of an agent's answers, which are the JSON of protos/shoal/leecher/v1/downloads.proto. What
// comes from outside is escaped. Pure.

using Json = nlohmann::ordered_json;

// The fields of a message. Numbers of 64 bits are texts in the JSON of protobuf; a value that is not there is
// its default.
uint64_t Number(const Json& json, const char* field);
std::string Text(const Json& json, const char* field);
bool Flag(const Json& json, const char* field);
const Json& List(const Json& json, const char* field);

// Of a download.
std::string NameOf(const Json& download);
std::string StateOf(const Json& download);
std::string DoneOf(const Json& download);

std::string RateOf(uint64_t bytes_per_second);   // 0: "-"
std::string LimitOf(uint64_t bytes_per_second);  // 0: "none"

TextTable TableOf(const std::vector<Json>& downloads);
TextTable PeerTableOf(const Json& peers, uint64_t chunk_count);
// Why downloads do not go on, one line each.
std::vector<std::string> ReasonsOf(const std::vector<Json>& downloads);
// All of them in one line.
std::string SumOf(const Json& totals);

}  // namespace shoal::leecher::agent_text
