#include "clients/leecher/cli/terminal/on_complete.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace shoal::leecher {
namespace {

constexpr const char* kVariables[] = {"SHOAL_FILE=", "SHOAL_CONTENT_ID=", "SHOAL_NAME="};

std::vector<std::string> EnvironmentFor(const CompletedContent& content) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool ours = false;
    for (const char* name : kVariables) ours = ours || absl::StartsWith(*entry, name);
    if (!ours) environment.emplace_back(*entry);
  }
  environment.push_back(absl::StrCat(kVariables[0], content.path));
  environment.push_back(absl::StrCat(kVariables[1], content.content_id));
  environment.push_back(absl::StrCat(kVariables[2], content.name));
  return environment;
}

}  // namespace

absl::Status RunOnComplete(const std::string& command, const CompletedContent& content, bool stdout_is_ours) {
  std::vector<std::string> environment = EnvironmentFor(content);
  std::vector<char*> variables;
  for (std::string& entry : environment) variables.push_back(entry.data());
  variables.push_back(nullptr);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string text = command;
  char* const arguments[] = {shell.data(), flag.data(), text.data(), nullptr};

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (stdout_is_ours) ::posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, "/bin/sh", &files, &attributes, arguments, variables.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) return absl::AbortedError(absl::StrCat("cannot start /bin/sh: ", strerrordesc_np(error)));

  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return absl::AbortedError(absl::StrCat("cannot wait for it: ", strerrordesc_np(errno)));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  if (WIFSIGNALED(status))
    return absl::AbortedError(absl::StrCat("it was ended by signal ", WTERMSIG(status)));
  return absl::AbortedError(absl::StrCat("it ended with exit code ", WEXITSTATUS(status)));
}

}  // namespace shoal::leecher
