// SPDX-License-Identifier: Apache-2.0
#include "src/data/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "kernels/exec/error.hpp"

namespace gauntlet {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const char* verb, const fs::path& path, int error) {
  throw UserError(std::string("cannot ") + verb + " '" + path.string() + "': " + std::strerror(error));
}

/// 0, or the errno of the first write that failed.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// Creates or empties the file and fills it: 0, or an errno.
int fill(const fs::path& path, std::string_view bytes, bool sync) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return errno;
  int error = write_all(descriptor, bytes);
  if (error == 0 && sync && ::fsync(descriptor) != 0) error = errno;
  if (::close(descriptor) != 0 && error == 0) error = errno;
  return error;
}

}  // namespace

std::string read_file(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("read", path, errno);
  std::string bytes;
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  if (known && S_ISCHR(status.st_mode)) {  // /dev/zero never ends
    ::close(descriptor);
    throw UserError("cannot read '" + path.string() + "': it is a device");
  }
  const std::size_t expected = known && S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) : 0;
  std::size_t size = 0;
  int error = 0;
  while (true) {
    // One byte more than expected, so that a regular file is read by one call and its end seen by the next.
    if (size == bytes.size()) bytes.resize(size == 0 ? expected + 1 : 2 * size + 4096);
    const ssize_t count = ::read(descriptor, &bytes[size], bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) error = errno;
    if (count <= 0) break;
    size += static_cast<std::size_t>(count);
  }
  ::close(descriptor);
  if (error != 0) fail("read", path, error);
  bytes.resize(size);
  return bytes;
}

void write_file(const fs::path& path, std::string_view bytes) {
  std::error_code missing;
  const fs::path existing = fs::canonical(path, missing);
  const fs::path target = missing ? path : existing;
  const fs::file_status status = fs::status(target, missing);
  if (fs::is_directory(status)) fail("write", path, EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    if (const int error = fill(target, bytes, false)) fail("write", path, error);
    return;
  }
  const fs::path temporary = target.string() + "." + std::to_string(::getpid()) + ".tmp";
  int error = fill(temporary, bytes, true);
  if (error == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    fail("write", path, error);
  }
}

void update_file(const fs::path& path, std::string_view bytes) {
  std::error_code missing;
  if (fs::is_regular_file(path, missing) && fs::file_size(path, missing) == bytes.size() && read_file(path) == bytes)
    return;
  write_file(path, bytes);
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!fs::is_directory(path))
    throw UserError("cannot create the folder '" + path.string() +
                    "': " + (error ? error.message() : "a file of that name exists"));
}

AppendFile::AppendFile(fs::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail("write", path_, errno);
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::append(std::string_view bytes) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  const int error = write_all(descriptor_, bytes);
  if (error == 0) return;
  if (before >= 0 && ::ftruncate(descriptor_, before) != 0) {
    // The torn row stays; readers drop it.
  }
  fail("write", path_, error);
}

}  // namespace gauntlet
