#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/agent/server/agent_server.h"
#include "clients/leecher/cli/commands/agent_place.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/connecting.h"
#include "clients/leecher/cli/commands/serving.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/on_complete.h"
#include "shoal/base/output_path.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/transport/tls_transport.h"
#include "shoal/service/http/request_guard.h"
#include "shoal/service/log/log.h"
#include "shoal/service/systemd.h"

namespace shoal::leecher {
namespace {

absl::StatusOr<std::string> FolderFor(const std::string& folder, const char* flag) {
  if (folder.empty())
    return absl::InvalidArgumentError(absl::StrCat(flag, ": name a folder, there is no home"));
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(folder, error).lexically_normal().string();
  SHOAL_RETURN_IF_ERROR(CheckOutputFolder(absolute));
  std::filesystem::create_directories(absolute, error);
  return absolute;
}

void LogEvent(const AgentEvent& event) {
  const service::LogLevel level = event.kind == "failed" || event.kind == "warning" || event.kind == "no_room"
                                      ? service::LogLevel::kWarning
                                      : service::LogLevel::kInfo;
  if (event.download == DownloadId()) {
    service::Log(level, event.kind, {{"text", event.text}});
  } else {
    service::Log(level, event.kind, {{"download", event.download.value()}, {"text", event.text}});
  }
}

absl::StatusOr<AgentServer::Options> ServerOptions(const AgentOptions& options, TrackerMessages& messages) {
  AgentServer::Options server;
  server.version = SHOAL_VERSION;
  server.token_file = options.token_file;
  std::error_code error;
  if (!options.token_file.empty() && !std::filesystem::exists(options.token_file, error)) {
    SHOAL_ASSIGN_OR_RETURN(const std::string token, service::AccessTokens::MakeFile(options.token_file));
    // Once, because an image has no program that shows the file.
    service::LogInfo("made a token, which the page asks for",
                     {{"token", token}, {"file", options.token_file}});
  }
  server.http_names = options.http_names;
  server.http_tls = options.tls;
  if (options.serve.http.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(server.http, ResolveListener(*options.serve.http));
  }
  if (options.serve.grpc.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(server.grpc, ResolveListener(*options.serve.grpc));
  }
  Agent::Options& agent = server.agent;
  SHOAL_ASSIGN_OR_RETURN(agent.output_folder, FolderFor(options.output_folder, "--output"));
  SHOAL_ASSIGN_OR_RETURN(
      agent.state_folder,
      FolderFor(options.state_folder.empty() ? DefaultStateFolder() : options.state_folder, "--state"));
  server.unix_socket = options.unix_socket.empty() ? DefaultAgentSocket() : options.unix_socket;
  SHOAL_RETURN_IF_ERROR(
      FolderFor(std::filesystem::absolute(server.unix_socket).parent_path().string(), "--socket").status());
  agent.trackers = options.trackers;
  SHOAL_ASSIGN_OR_RETURN(agent.trusted, KeysOfTrust(options.trust));
  agent.limits = {options.limit_down_bytes_per_second, options.limit_up_bytes_per_second};
  for (const std::string& glob : options.follow) {
    agent.follows.push_back({glob, options.keep_versions, agent.output_folder});
  }
  agent.disk_budget_bytes = options.disk_budget_bytes;
  agent.max_peers = options.max_peers;
  agent.on_event = LogEvent;
  if (!options.on_complete.empty()) {
    agent.on_complete = [command = options.on_complete](const AgentDownload& download) {
      return RunOnComplete(command,
                           {download.target_path, download.saved.content_id.ToHex(), download.saved.name},
                           /*stdout_is_ours=*/false);
    };
  }
  agent.downloads.runtime.site = options.serve.site;
  SHOAL_ASSIGN_OR_RETURN(const Connections connections,
                         OpenConnections(options.tracker_token_file, options.trackers, options.tls,
                                         options.serve.ticket_issuers));
  ConnectOver(connections, &agent.downloads);
  SHOAL_ASSIGN_OR_RETURN(agent.downloads.serving, ServingFrom(options.serve, messages));
  return server;
}

void NoteNotice(const absl::Status& notice) {
  if (!notice.ok()) service::LogWarning("systemd was not told", {{"why", notice.message()}});
}

}  // namespace

ExitCode RunAgent(const AgentOptions& options, Interrupts& interrupts) {
  const absl::StatusOr<service::LogFormat> format = service::ParseLogFormat(options.log_format);
  if (!format.ok()) {
    service::ReportFatal(absl::StrCat("--log-format: ", format.status().message()));
    return ExitCode::kUsage;
  }
  service::StartLog(ProgramName(), service::LogLevel::kInfo, *format);
  TrackerMessages messages;
  absl::StatusOr<AgentServer::Options> server_options = ServerOptions(options, messages);
  if (!server_options.ok()) {
    service::ReportFatal(server_options.status().message());
    return ExitCodeFor(server_options.status());
  }
  const std::string socket = server_options->unix_socket;
  const std::string folder = server_options->agent.output_folder;
  interrupts.Catch();
  if (options.tls != nullptr) {
    interrupts.CatchHangup([tls = options.tls] { (void)tls->Reload(); });  // logs the outcome
  }
  absl::StatusOr<std::unique_ptr<AgentServer>> server = AgentServer::Start(*std::move(server_options));
  if (!server.ok()) {
    service::ReportFatal(server.status().message());
    return ExitCodeFor(server.status());
  }
  std::string page = "none";
  if ((*server)->http_port() != 0) {
    const std::string& host = options.serve.http->host;
    const HostPort at = {host == "0.0.0.0" || host == "::" ? "localhost" : host, (*server)->http_port()};
    page = absl::StrCat(options.tls == nullptr ? "http://" : "https://", at.ToString(), "/");
  }
  service::LogInfo("the agent runs", {{"page", page},
                                      {"socket", socket},
                                      {"output", folder},
                                      {"tls", net::EncryptedBy(options.tls)},
                                      {"downloads", (*server)->agent().totals().downloads}});
  const std::string open = WhoMayFetch((*server)->agent().listens_at(), options.serve, options.tls.get());
  if (!open.empty()) service::LogInfo(open);
  NoteNotice(service::NotifyReady());
  while (interrupts.signal() == 0) interrupts.Wait(absl::Hours(1));
  service::LogInfo("stopping");
  NoteNotice(service::NotifyStopping());
  (*server)->Stop();
  service::LogInfo("stopped");
  return ExitCode::kOk;
}

}  // namespace shoal::leecher
