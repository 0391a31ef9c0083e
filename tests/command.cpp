// SPDX-License-Identifier: Apache-2.0
#include "tests/command.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include "tests/support.hpp"

namespace gauntlet {
namespace fs = std::filesystem;
namespace {

/// In the child: never returns. Only calls that are safe after fork.
[[noreturn]] void become(char** arguments, const char* folder, std::int64_t file_size_bytes, const char* out,
                         const char* err) {
  const auto redirect = [](const char* path, int stream) {
    const int file = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ::dup2(file, stream) < 0) ::_exit(127);
  };
  redirect(out, STDOUT_FILENO);
  redirect(err, STDERR_FILENO);
  if (*folder != '\0' && ::chdir(folder) != 0) ::_exit(127);
  if (file_size_bytes > 0) {
    const auto bytes = static_cast<rlim_t>(file_size_bytes);
    const rlimit limit{bytes, bytes};
    // Ignored, a write beyond the limit fails with an error instead of a signal.
    if (::signal(SIGXFSZ, SIG_IGN) == SIG_ERR || ::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(127);
  }
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

std::string gauntlet_binary() { return environment_or("GAUNTLET_BINARY", GAUNTLET_BINARY); }

std::string example_binary() { return environment_or("GAUNTLET_EXAMPLE", GAUNTLET_EXAMPLE); }

fs::path source_file(const std::string& name) { return source_folder() / name; }

std::string file_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.flush();
  REQUIRE(file);
}

std::vector<std::pair<std::string, std::string>> contents(const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.emplace_back(entry.path().string(), file_text(entry.path()));
  std::sort(files.begin(), files.end());
  return files;
}

Process::Process(const std::vector<std::string>& arguments, const CommandOptions& options) {
  const std::string binary = fs::absolute(options.binary.empty() ? gauntlet_binary() : options.binary).string();
  if (::access(binary.c_str(), X_OK) != 0) throw std::system_error(errno, std::generic_category(), binary);
  std::vector<char*> words = {const_cast<char*>(binary.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const std::string out = (streams_ / "out").string(), err = (streams_ / "err").string();
  const std::string folder = options.folder.string();
  pid_ = ::fork();
  if (pid_ == 0) become(words.data(), folder.c_str(), options.file_size_bytes, out.c_str(), err.c_str());
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
}

Process::~Process() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Process::running() {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

void Process::signal(int number) {
  if (running()) ::kill(pid_, number);
}

CommandResult Process::wait() {
  if (pid_ > 0) {
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  return {WIFSIGNALED(status_) ? -WTERMSIG(status_) : WEXITSTATUS(status_), file_text(streams_ / "out"),
          file_text(streams_ / "err")};
}

CommandResult run_command(const std::vector<std::string>& arguments, const CommandOptions& options) {
  return Process(arguments, options).wait();
}

}  // namespace gauntlet
