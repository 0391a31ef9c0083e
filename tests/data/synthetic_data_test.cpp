// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/data/deal.hpp"
#include "src/data/load.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

std::shared_ptr<const Dataset> make(const std::string& text, std::uint64_t seed = 0, int workers = 1) {
  return load_dataset(text, "", seed, workers);
}

std::string make_error(const std::string& text, int workers = 1) {
  return user_error([&] { make(text, 0, workers); });
}

std::uint64_t checksum(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t value = 14695981039346656037u;
  for (const auto byte : bytes) value = (value ^ byte) * 1099511628211u;
  return value;
}

double norm(const std::vector<double>& x) { return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0)); }

// Gradient of the mean of (a·x − b)² over the samples.
std::vector<double> gradient(const Samples& samples, const std::vector<std::int32_t>& indices,
                             const std::vector<float>& x) {
  std::vector<double> result(x.size());
  for (const auto index : indices) {
    const auto i = static_cast<std::size_t>(index);
    double residual = -samples.targets[i];
    for (std::size_t j = 0; j < x.size(); ++j) residual += double{samples.values[i * x.size() + j]} * x[j];
    for (std::size_t j = 0; j < x.size(); ++j)
      result[j] += 2 * residual * samples.values[i * x.size() + j] / static_cast<double>(indices.size());
  }
  return result;
}

std::vector<std::int32_t> all_of(const Samples& samples) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(samples.count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

// Root of the mean over the workers of ‖∇f_i(optimum)‖².
double heterogeneity(const Dataset& dataset, int workers) {
  double sum = 0;
  for (const auto& part : deal(dataset, "iid", 1, workers, 0)) {
    const double size = norm(gradient(dataset.train, part, dataset.optimum));
    sum += size * size;
  }
  return std::sqrt(sum / workers);
}

// Largest eigenvalue of sign · (Hessian − shift · I), by power iteration.
double extreme_eigenvalue(const Dataset& dataset, const std::vector<std::int32_t>& part, double sign, double shift) {
  Samples homogeneous = dataset.train;
  std::fill(homogeneous.targets.begin(), homogeneous.targets.end(), 0.0f);
  std::vector<float> x(static_cast<std::size_t>(dataset.features));
  for (std::size_t j = 0; j < x.size(); ++j) x[j] = 1 / static_cast<float>(j + 1);
  double eigenvalue = 0;
  for (int iteration = 0; iteration < 2000; ++iteration) {
    auto next = gradient(homogeneous, part, x);
    for (std::size_t j = 0; j < x.size(); ++j) next[j] = sign * (next[j] - shift * x[j]);
    eigenvalue = norm(next);
    for (std::size_t j = 0; j < x.size(); ++j) x[j] = static_cast<float>(next[j] / eigenvalue);
  }
  return eigenvalue;
}

// Test accuracy of softmax regression after a few epochs of plain SGD.
double softmax_accuracy(const Dataset& dataset, int epochs, double rate) {
  const auto features = static_cast<std::size_t>(dataset.features), classes = static_cast<std::size_t>(dataset.classes);
  std::vector<float> weights((features + 1) * classes), input(features + 1, 1.0f);
  std::vector<double> scores(classes);
  const auto predict = [&](const Samples& samples, std::size_t i) {
    for (std::size_t j = 0; j < features; ++j)
      input[j] = samples.bytes[i * features + j] * dataset.scale[0] + dataset.shift[0];
    for (std::size_t c = 0; c < classes; ++c)
      scores[c] = std::inner_product(input.begin(), input.end(), &weights[c * input.size()], 0.0f);
    return std::max_element(scores.begin(), scores.end()) - scores.begin();
  };
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(dataset.train.count); ++i) {
      const double largest = scores[static_cast<std::size_t>(predict(dataset.train, i))];
      double sum = 0;
      for (double& value : scores) sum += value = std::exp(value - largest);
      for (std::size_t c = 0; c < classes; ++c) {
        const double error = scores[c] / sum - (static_cast<int>(c) == dataset.train.labels[i]);
        const float step = static_cast<float>(rate / (epoch + 1) * error);
        for (std::size_t j = 0; j < input.size(); ++j) weights[c * input.size() + j] -= step * input[j];
      }
    }
  }
  int right = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(dataset.test.count); ++i)
    right += predict(dataset.test, i) == dataset.test.labels[i];
  return static_cast<double>(right) / dataset.test.count;
}

TEST_CASE("A linear model reads between 85 and 95 percent of the synthetic digits") {
  const double accuracy = softmax_accuracy(*make("synthetic-digits"), 4, 0.001);
  CHECK(accuracy > 0.85);
  CHECK(accuracy < 0.95);
}

TEST_CASE("Synthetic digits are the same on every machine, balanced and normalized") {
  const auto dataset = make("synthetic-digits(train=200, test=50)");
  const auto& bytes = dataset->train.bytes;
  CHECK(checksum(bytes) == 0xfc1c0dae31e36814u);
  CHECK(dataset->test.count == 50);
  CHECK(dataset->test.bytes.size() == 50u * 784);
  for (int digit = 0; digit < 10; ++digit)
    CHECK(std::count(dataset->train.labels.begin(), dataset->train.labels.end(), digit) == 20);
  double mean = 0, square = 0;
  for (const auto byte : bytes) {
    const double value = byte * dataset->scale[0] + dataset->shift[0];
    mean += value / static_cast<double>(bytes.size());
    square += value * value / static_cast<double>(bytes.size());
  }
  CHECK(std::abs(mean) < 1e-4);
  CHECK(square == Approx(1).margin(1e-4));
  CHECK(make("synthetic-digits(train=200, test=50, draw=1)")->train.bytes != bytes);
  CHECK(!std::equal(dataset->test.bytes.begin(), dataset->test.bytes.end(), bytes.begin()));
}

TEST_CASE("Fewer synthetic digits are the first of more") {
  const auto few = make("synthetic-digits(train=100, test=50)"), many = make("synthetic-digits(train=200, test=50)");
  CHECK(std::equal(few->train.bytes.begin(), few->train.bytes.end(), many->train.bytes.begin()));
}

TEST_CASE("Without noise and distortion every synthetic digit of a class is the same") {
  const auto dataset = make("synthetic-digits(train=40, test=10, noise=0, distortion=0)");
  const auto image = [&](std::ptrdiff_t i) { return dataset->train.bytes.begin() + i * 784; };
  CHECK(std::equal(image(3), image(4), image(23)));
  CHECK(!std::equal(image(3), image(4), image(24)));
}

TEST_CASE("The clouds of a gaussian mixture lie at the given distance and have unit variance") {
  const auto dataset = make("gaussian-mixture(classes=4, features=5, separation=6, train=40000, test=8)");
  CHECK(dataset->test.labels == std::vector<std::int32_t>{0, 1, 2, 3, 0, 1, 2, 3});
  for (std::size_t label = 0; label < 4; ++label) {
    std::vector<double> mean(5);
    double square = 0;
    for (std::size_t i = label; i < 40000; i += 4) {
      CHECK(dataset->train.labels[i] == static_cast<int>(label));
      for (std::size_t j = 0; j < 5; ++j) {
        const double value = dataset->train.values[i * 5 + j];
        mean[j] += value / 10000;
        square += value * value / 10000;
      }
    }
    CHECK(norm(mean) == Approx(6).margin(0.05));
    CHECK(square == Approx(36 + 5).margin(0.5));
  }
}

TEST_CASE("The optimum of linear regression is the least-squares solution") {
  const auto dataset = make("linear-regression(features=7, train=300, noise=0.5)");
  CHECK(dataset->classes == 0);
  CHECK(dataset->optimum.size() == 7);
  CHECK(norm(gradient(dataset->train, all_of(dataset->train), dataset->optimum)) < 1e-6);
  double loss = 0;
  for (std::size_t i = 0; i < 300; ++i) {
    double residual = -dataset->train.targets[i];
    for (std::size_t j = 0; j < 7; ++j) residual += dataset->train.values[i * 7 + j] * dataset->optimum[j];
    loss += residual * residual / 300;
  }
  CHECK(loss == Approx(0.25).margin(0.06));
  CHECK(contains(make_error("linear-regression(features=7, train=6)"), "train=6 is fewer than features=7"));
}

TEST_CASE("A quadratic has the given heterogeneity at an optimum of zero gradient") {
  for (const char* text : {"quadratic", "quadratic(zeta=3, sigma=2)", "quadratic(dimension=3, samples=3, mu=0)",
                           "quadratic(dimension=1, mu=0, zeta=0.5)", "quadratic(zeta=0, sigma=1)"}) {
    INFO(text);
    const std::string spec = text;
    const double zeta = contains(spec, "zeta=3")     ? 3
                        : contains(spec, "zeta=0.5") ? 0.5
                        : contains(spec, "zeta=0")   ? 0
                                                     : 1;
    const auto dataset = make(text, 5, 7);
    CHECK(norm(gradient(dataset->train, all_of(dataset->train), dataset->optimum)) < 1e-4);
    CHECK(heterogeneity(*dataset, 7) == Approx(zeta).margin(1e-4));
    CHECK(dataset->test.targets == dataset->train.targets);
  }
}

TEST_CASE("Each worker's quadratic has eigenvalues from mu to L") {
  const auto dataset = make("quadratic(dimension=6, L=8, mu=2)", 1, 3);
  for (const auto& part : deal(*dataset, "iid", 1, 3, 0)) {
    CHECK(extreme_eigenvalue(*dataset, part, 1, 0) == Approx(8).epsilon(1e-4));
    CHECK(extreme_eigenvalue(*dataset, part, -1, 8) == Approx(8 - 2).epsilon(1e-4));
  }
}

TEST_CASE("Sigma is the deviation of a single row's gradient at the worker's own optimum") {
  const auto dataset = make("quadratic(dimension=4, samples=9, zeta=0, sigma=2)", 0, 2);
  // Without heterogeneity the common optimum is every worker's own.
  for (const auto& part : deal(*dataset, "iid", 1, 2, 0)) {
    double sum = 0;
    for (const auto row : part) {
      const double size = norm(gradient(dataset->train, {row}, dataset->optimum));
      sum += size * size;
    }
    CHECK(std::sqrt(sum / static_cast<double>(part.size())) == Approx(2).epsilon(1e-4));
  }
}

TEST_CASE("A quadratic starts at norm r0 and depends on seed and workers") {
  const auto dataset = make("quadratic(r0=2.5)", 0, 3);
  CHECK(norm({dataset->start.begin(), dataset->start.end()}) == Approx(2.5));
  CHECK(make("quadratic(r0=2.5)", 1, 3)->train.values != dataset->train.values);
  CHECK(make("quadratic(r0=2.5)", 0, 4)->train.count == 4 * 20);
  // A worker's rows do not change when others join.
  const auto& more = make("quadratic(r0=2.5)", 0, 4)->train.values;
  CHECK(std::equal(dataset->train.values.begin(), dataset->train.values.end(), more.begin()));
}

TEST_CASE("Impossible quadratics are user errors") {
  CHECK(contains(make_error("quadratic(mu=11)"), "mu is larger than L"));
  CHECK(contains(make_error("quadratic(dimension=5, samples=4)"), "samples=4 is fewer than dimension=5"));
  CHECK(contains(make_error("quadratic(dimension=5, samples=5, sigma=1)"), "needs samples > dimension"));
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    CHECK(contains(user_error([&] { make("quadratic(mu=0, samples=100)", seed, 1); }), "no unique optimum"));
}

TEST_CASE("A generated dataset that cannot fit in memory is a user error") {
  CHECK(contains(make_error("gaussian-mixture(features=100000, train=10000000)"), "more than 2^30 numbers"));
  CHECK(contains(make_error("quadratic(samples=1000000)", 5000), "more than 2^30 numbers"));
}

}  // namespace
}  // namespace gauntlet
