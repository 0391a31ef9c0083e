// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <future>

#include "src/data/files.hpp"
#include "src/data/load.hpp"
#include "src/data/random.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes idx(std::uint32_t magic, const std::vector<std::uint32_t>& dimensions, const Bytes& content) {
  Bytes bytes;
  const auto append = [&](std::uint32_t word) {
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(word >> shift));
  };
  append(magic);
  for (const auto dimension : dimensions) append(dimension);
  bytes.insert(bytes.end(), content.begin(), content.end());
  return bytes;
}

void write_file(const std::filesystem::path& path, const Bytes& bytes) {
  std::filesystem::create_directories(path.parent_path());
  if (path.extension() == ".gz") {
    const gzFile file = gzopen(path.c_str(), "wb");
    REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
    REQUIRE(gzclose(file) == Z_OK);
  } else {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), std::ptrdiff_t(bytes.size()));
  }
}

// Three training images of 2 × 2 and one test image, as an MNIST folder.
void write_mnist(const std::filesystem::path& folder, const std::string& ending) {
  write_file(folder / ("train-images-idx3-ubyte" + ending),
             idx(2051, {3, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255}));
  write_file(folder / ("train-labels-idx1-ubyte" + ending), idx(2049, {3}, {0, 9, 4}));
  write_file(folder / ("t10k-images-idx3-ubyte" + ending), idx(2051, {1, 2, 2}, {9, 8, 7, 6}));
  write_file(folder / ("t10k-labels-idx1-ubyte" + ending), idx(2049, {1}, {5}));
}

Dataset load(const std::string& text, const std::string& folder = {}, std::uint64_t seed = 0, int workers = 1) {
  const auto component = parse_component(text);
  return Registry<DatasetSource>::find(component.name, "dataset")
      .create(component, 0, 0)
      ->load({folder, seed, workers});
}

std::string load_error(const std::string& text, const std::string& folder = {}) {
  return user_error([&] { load(text, folder); });
}

// The folder of real data sets, or empty.
std::string real_data(const std::string& dataset) {
  const char* given = std::getenv("GAUNTLET_DATA");
  const std::filesystem::path folder = given && *given ? given : (shared_folder() / "data").string();
  return std::filesystem::is_directory(folder / dataset) ? folder.string() : std::string();
}

// Mean and variance of one channel after normalization.
std::pair<double, double> moments(const Dataset& dataset, std::size_t channel) {
  const auto channels = static_cast<std::size_t>(dataset.channels);
  double sum = 0, squares = 0;
  const auto& bytes = dataset.train.bytes;
  for (std::size_t i = channel; i < bytes.size(); i += channels) {
    const double value = bytes[i] * dataset.scale[channel] + dataset.shift[channel];
    sum += value;
    squares += value * value;
  }
  const double count = static_cast<double>(bytes.size() / channels), mean = sum / count;
  return {mean, squares / count - mean * mean};
}

TEST_CASE("A random stream depends on seed, purpose and index alone") {
  const auto first = [](std::uint64_t seed, const char* purpose, std::uint32_t index) {
    return Stream(seed, purpose, index).next_u32();
  };
  CHECK(first(1, "a", 0) == first(1, "a", 0));
  CHECK(first(1, "a", 0) != first(2, "a", 0));
  CHECK(first(1, "a", 0) != first(std::uint64_t{1} << 32 | 1, "a", 0));
  CHECK(first(1, "a", 0) != first(1, "b", 0));
  CHECK(first(1, "a", 0) != first(1, "a", 1));
}

TEST_CASE("A random stream has the moments of its distributions") {
  Stream random(7, "test");
  constexpr int count = 100000;
  double mean = 0, square = 0, fourth = 0, uniform = 0;
  std::vector<int> hits(3);
  for (int i = 0; i < count; ++i) {
    const double x = random.normal();
    mean += x / count;
    square += x * x / count;
    fourth += x * x * x * x / count;
    uniform += random.uniform() / count;
    ++hits[random.below(3)];
  }
  CHECK(std::abs(mean) < 0.02);
  CHECK(square == Approx(1).margin(0.02));
  CHECK(fourth == Approx(3).margin(0.2));
  CHECK(uniform == Approx(0.5).margin(0.005));
  for (const int hit : hits) CHECK(hit == Approx(count / 3.0).margin(700));
}

TEST_CASE("IDX images and labels are read as they were written") {
  const auto images = parse_idx_images(idx(2051, {2, 1, 3}, {1, 2, 3, 4, 5, 6}), "x");
  CHECK(images.count == 2);
  CHECK(images.height == 1);
  CHECK(images.width == 3);
  CHECK(images.pixels == Bytes{1, 2, 3, 4, 5, 6});
  CHECK(parse_idx_labels(idx(2049, {3}, {0, 9, 4}), "x", 10) == std::vector<std::int32_t>{0, 9, 4});
}

TEST_CASE("Malformed IDX bytes are named with what was expected and found") {
  const auto images = [](const Bytes& bytes) { return user_error([&] { parse_idx_images(bytes, "file"); }); };
  const auto labels = [](const Bytes& bytes) { return user_error([&] { parse_idx_labels(bytes, "file", 10); }); };
  CHECK(images({}) == "file: truncated: 0 bytes, but the header alone has 16");
  CHECK(images(idx(2051, {2, 2}, {})) == "file: truncated: 12 bytes, but the header alone has 16");
  CHECK(images(idx(2049, {1, 1, 1}, {0})) == "file: magic number 2049, expected 2051 for IDX images");
  CHECK(images(idx(2051, {2, 1, 3}, {1, 2, 3, 4, 5})) == "file: truncated: 21 bytes, expected 22 by its header");
  CHECK(images(idx(2051, {2, 1, 3}, Bytes(7))) == "file: trailing bytes: 23 bytes, expected 22 by its header");
  CHECK(images(idx(2051, {0, 1, 3}, {})) == "file: holds no images");
  CHECK(contains(images(idx(2051, {1, 0, 3}, {})), "images of 0 x 3"));
  CHECK(contains(images(idx(2051, {1, 70000, 3}, {})), "images of 70000 x 3"));
  CHECK(contains(images(idx(2051, {0xffffffff, 4096, 4096}, {})), "truncated"));
  CHECK(labels(idx(2051, {1}, {1})) == "file: magic number 2051, expected 2049 for IDX labels");
  CHECK(labels(idx(2049, {0xffffffff}, {1})) == "file: truncated: 9 bytes, expected 4294967303 by its header");
  CHECK(labels(idx(2049, {1}, {1, 2})) == "file: trailing bytes: 10 bytes, expected 9 by its header");
  CHECK(labels(idx(2049, {3}, {1, 2, 10})) == "file: label 10 at position 2, expected 0 to 9");
}

TEST_CASE("CIFAR-10 planes become channel-last pixels") {
  Bytes record(3073);
  record[0] = 7;
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (std::size_t pixel = 0; pixel < 1024; ++pixel)
      record[1 + channel * 1024 + pixel] = static_cast<std::uint8_t>(pixel % 80 + 80 * channel);
  const Samples samples = parse_cifar10(record, "x");
  CHECK(samples.count == 1);
  CHECK(samples.labels == std::vector<std::int32_t>{7});
  for (const std::size_t pixel : {0, 31, 32, 1023})
    for (std::size_t channel = 0; channel < 3; ++channel)
      CHECK(samples.bytes[3 * pixel + channel] == pixel % 80 + 80 * channel);
  CHECK(contains(user_error([] { parse_cifar10({}, "file"); }), "file: 0 bytes, expected a positive multiple of 3073"));
  CHECK(contains(user_error([] { parse_cifar10(Bytes(3072), "file"); }), "multiple of 3073"));
  record[0] = 10;
  CHECK(user_error([&] { parse_cifar10(record, "file"); }) == "file: label 10 at position 0, expected 0 to 9");
}

TEST_CASE("A file reads the same plain and gzipped, and a damaged one is named") {
  const auto folder = temporary_folder();
  Bytes bytes(100000);
  Stream random(1, "bytes");
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.next_u32());
  write_file(folder / "plain", bytes);
  write_file(folder / "packed.gz", bytes);
  CHECK(read_file((folder / "plain").string()) == bytes);
  CHECK(read_file((folder / "packed.gz").string()) == bytes);

  const auto error_of = [&](const char* name) { return user_error([&] { read_file((folder / name).string()); }); };
  std::filesystem::copy(folder / "packed.gz", folder / "short.gz");
  std::filesystem::resize_file(folder / "short.gz", 50000);
  CHECK(contains(error_of("short.gz"), "short.gz: truncated gzip data"));
  std::filesystem::copy(folder / "packed.gz", folder / "bad.gz");
  std::fstream(folder / "bad.gz", std::ios::in | std::ios::out | std::ios::binary).seekp(60000).write("damage", 6);
  CHECK(contains(error_of("bad.gz"), "bad.gz: corrupt gzip data"));
  std::filesystem::create_directory(folder / "directory");
  CHECK(contains(error_of("directory"), "directory: not a regular file"));
  CHECK(contains(error_of("absent"), "absent: no such file"));
}

TEST_CASE("MNIST is found in the folder, in its subfolder and in torchvision's layout") {
  for (const char* layout : {"", "mnist", "MNIST/raw"}) {
    for (const char* ending : {"", ".gz"}) {
      const auto folder = temporary_folder();
      write_mnist(folder / layout, ending);
      const Dataset dataset = load("mnist(normalize=false)", folder.path().string());
      CHECK(dataset.name == "mnist");
      CHECK(dataset.features == 4);
      CHECK(dataset.classes == 10);
      CHECK(dataset.train.count == 3);
      CHECK(dataset.train.bytes == Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255});
      CHECK(dataset.train.labels == std::vector<std::int32_t>{0, 9, 4});
      CHECK(dataset.test.bytes == Bytes{9, 8, 7, 6});
      CHECK(255 * dataset.scale[0] + dataset.shift[0] == Approx(1));
    }
  }
}

TEST_CASE("A broken MNIST folder is a user error that names the file") {
  const auto folder = temporary_folder();
  const std::string path = folder.path().string();
  const std::string nothing = load_error("fashion-mnist", path);
  for (const char* part : {"train-images-idx3-ubyte", "FashionMNIST/raw", "task.data_dir", "$GAUNTLET_DATA"})
    CHECK(contains(nothing, part));
  write_mnist(folder.path(), "");
  write_file(folder / "t10k-images-idx3-ubyte", idx(2051, {1, 1, 2}, {0, 0}));
  CHECK(contains(load_error("mnist", path), "t10k-images-idx3-ubyte: images of 1 x 2, expected 2 x 2"));
  write_file(folder / "train-labels-idx1-ubyte", idx(2049, {2}, {0, 9}));
  CHECK(contains(load_error("mnist", path), "train-labels-idx1-ubyte: 2 labels, expected 3"));
  std::filesystem::remove(folder / "train-labels-idx1-ubyte");
  CHECK(contains(load_error("mnist", path), "no train-labels-idx1-ubyte[.gz]"));
  std::filesystem::create_directory(folder / "train-labels-idx1-ubyte");
  CHECK(contains(load_error("mnist", path), "train-labels-idx1-ubyte: not a regular file"));
}

TEST_CASE("CIFAR-10 takes the batches that are there") {
  const auto folder = temporary_folder();
  CHECK(contains(load_error("cifar10", folder.path().string()), "data_batch_1.bin"));
  Bytes two(2 * 3073), one(3073);
  two[0] = 1, two[3073] = 2, one[0] = 3;
  write_file(folder / "cifar10/data_batch_2.bin", two);
  write_file(folder / "cifar10/data_batch_5.bin.gz", one);
  CHECK(contains(load_error("cifar10", folder.path().string()), "no test_batch.bin[.gz]"));
  write_file(folder / "cifar10/test_batch.bin.gz", two);
  const Dataset dataset = load("cifar10", folder.path().string());
  CHECK(dataset.train.labels == std::vector<std::int32_t>{1, 2, 3});
  CHECK(dataset.train.count == 3);
  CHECK(dataset.train.bytes.size() == 3u * 3072);
  CHECK(dataset.test.count == 2);
}

TEST_CASE("The real MNIST has the known class counts and is normalized") {
  const std::string folder = real_data("mnist");
  if (folder.empty()) SKIP_TEST("MNIST files not found");
  const Dataset dataset = load("mnist", folder);
  CHECK(dataset.train.count == 60000);
  CHECK(dataset.test.count == 10000);
  CHECK(dataset.features == 784);
  CHECK(std::count(dataset.train.labels.begin(), dataset.train.labels.end(), 1) == 6742);
  CHECK(std::count(dataset.test.labels.begin(), dataset.test.labels.end(), 5) == 892);
  const auto [mean, variance] = moments(dataset, 0);
  CHECK(std::abs(mean) < 0.01);
  CHECK(variance == Approx(1).margin(0.01));
}

TEST_CASE("The real CIFAR-10 is normalized in each channel") {
  const std::string folder = real_data("cifar10");
  if (folder.empty()) SKIP_TEST("CIFAR-10 files not found");
  const Dataset dataset = load("cifar10", folder);
  CHECK(dataset.train.count >= 10000);
  CHECK(dataset.features == 3072);
  // The usual constants are mean deviations within an image; these are their ratios to the deviation of all pixels.
  const double ratio[] = {0.2470 / 0.2023, 0.2435 / 0.1994, 0.2616 / 0.2010};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto [mean, variance] = moments(dataset, channel);
    CHECK(std::abs(mean) < 0.05);
    CHECK(variance == Approx(ratio[channel] * ratio[channel]).margin(0.1));
  }
}

TEST_CASE("A dataset is loaded once and shared, also by threads that come at the same time") {
  std::vector<std::future<std::shared_ptr<const Dataset>>> loads;
  for (int i = 0; i < 8; ++i)
    loads.push_back(std::async(std::launch::async, [i] {
      return load_dataset("gaussian-mixture(train=2000)", "", static_cast<std::uint64_t>(i), i + 1);
    }));
  const auto first = loads[0].get();
  for (std::size_t i = 1; i < loads.size(); ++i) CHECK(loads[i].get() == first);
  CHECK(load_dataset("gaussian-mixture(train=2001)", "", 0, 1) != first);

  const auto quadratic = load_dataset("quadratic", "", 0, 3);
  CHECK(load_dataset("quadratic", "", 0, 3) == quadratic);
  CHECK(load_dataset("quadratic", "", 1, 3) != quadratic);
  CHECK(load_dataset("quadratic", "", 0, 4) != quadratic);
}

TEST_CASE("A load that failed is tried again") {
  const auto folder = temporary_folder();
  const auto attempt = [&] { load_dataset("mnist", folder.path().string(), 0, 1); };
  CHECK(contains(user_error(attempt), "train-images-idx3-ubyte"));
  write_mnist(folder.path(), ".gz");
  CHECK(user_error(attempt).empty());
}

TEST_CASE("An unknown dataset names the nearest") {
  CHECK(
      contains(user_error([] { load_dataset("mnits", "", 0, 1); }), "unknown dataset 'mnits'; did you mean 'mnist'?"));
  CHECK(contains(user_error([] { load_dataset("mnist(normalise=true)", "", 0, 1); }), "normalize"));
}

}  // namespace
}  // namespace gauntlet
