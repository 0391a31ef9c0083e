// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>

#include "src/data/deal.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

using Parts = std::vector<std::vector<std::int32_t>>;

// Labels only, in an order that mixes the classes.
Dataset labeled(int count, int classes) {
  Dataset dataset;
  dataset.name = "labeled";
  dataset.classes = classes;
  dataset.train.count = count;
  for (int i = 0; i < count; ++i) dataset.train.labels.push_back(i % classes);
  return dataset;
}

std::vector<std::int32_t> flattened(const Parts& parts) {
  std::vector<std::int32_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  return all;
}

std::set<std::int32_t> labels_of(const Dataset& dataset, const std::vector<std::int32_t>& part) {
  std::set<std::int32_t> labels;
  for (const auto i : part) labels.insert(dataset.train.labels[static_cast<std::size_t>(i)]);
  return labels;
}

std::vector<std::size_t> sizes(const Parts& parts) {
  std::vector<std::size_t> result;
  for (const auto& part : parts) result.push_back(part.size());
  return result;
}

TEST_CASE("Every partition deals every sample once, none to nobody, and the same again for the same seed") {
  for (const auto& entry : Registry<Partition>::all()) {
    // A long tail leaves samples out, unless all classes are to keep theirs.
    const std::string partition = entry.name == "long-tail" ? "long-tail(beta=1)" : entry.name;
    for (const auto& [count, classes, receivers] :
         {std::tuple{1000, 10, 7}, std::tuple{1003, 3, 10}, std::tuple{12, 10, 12}, std::tuple{50, 10, 1}}) {
      INFO(entry.name << ": " << count << " samples to " << receivers);
      const Dataset dataset = labeled(count, classes);
      const Parts parts = deal(dataset, partition, 1, receivers, 3);
      REQUIRE(parts.size() == static_cast<std::size_t>(receivers));
      const auto all = flattened(parts);
      REQUIRE(all.size() == static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) REQUIRE(all[static_cast<std::size_t>(i)] == i);
      for (const auto& part : parts) CHECK(!part.empty());
      CHECK(deal(dataset, partition, 1, receivers, 3) == parts);
    }
  }
}

TEST_CASE("Another seed deals otherwise, where chance is left") {
  const Dataset dataset = labeled(1000, 10);
  for (const auto& entry : Registry<Partition>::all()) {
    INFO(entry.name);
    // Sorting all samples leaves nothing to chance.
    CHECK((deal(dataset, entry.name, 1, 4, 0) != deal(dataset, entry.name, 1, 4, 1)) == (entry.name != "extreme"));
  }
}

TEST_CASE("A fraction of the training set is drawn at random") {
  const Dataset dataset = labeled(1000, 10);
  const auto drawn = flattened(deal(dataset, "iid", 0.8, 7, 0));
  CHECK(drawn.size() == 800);
  CHECK(std::adjacent_find(drawn.begin(), drawn.end()) == drawn.end());
  CHECK(drawn != flattened(deal(dataset, "iid", 0.8, 7, 1)));
  CHECK(drawn == flattened(deal(dataset, "dirichlet", 0.8, 3, 0)));
  CHECK(contains(user_error([&] { deal(dataset, "iid", 0, 7, 0); }), "train_fraction"));
  CHECK(contains(user_error([&] { deal(dataset, "iid", 1.5, 7, 0); }), "train_fraction"));
  CHECK(contains(user_error([&] { deal(dataset, "iid", NAN, 7, 0); }), "train_fraction"));
}

TEST_CASE("Iid parts differ in size by at most one") {
  CHECK(sizes(deal(labeled(23, 5), "iid", 1, 5, 0)) == std::vector<std::size_t>{5, 5, 5, 4, 4});
}

TEST_CASE("Extreme gives each worker a run of the sorted labels") {
  const Dataset dataset = labeled(100, 10);
  const Parts parts = deal(dataset, "extreme", 1, 5, 0);
  for (std::size_t i = 0; i < 5; ++i) {
    const int first = static_cast<int>(2 * i);
    CHECK(labels_of(dataset, parts[i]) == std::set<std::int32_t>{first, first + 1});
    CHECK(parts[i].size() == 20);
  }
}

TEST_CASE("Gamma-similarity mixes a share and sorts the rest") {
  const Dataset dataset = labeled(1000, 10);
  CHECK(deal(dataset, "gamma-similarity(gamma=0)", 1, 10, 0) == deal(dataset, "extreme", 1, 10, 0));
  CHECK(deal(dataset, "gamma-similarity(gamma=1)", 1, 10, 0) == deal(dataset, "iid", 1, 10, 0));
  const Parts parts = deal(dataset, "gamma-similarity(gamma=0.3)", 1, 10, 0);
  const Parts iid = deal(dataset, "iid", 1, 10, 0);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(parts[i].size() == 100);
    // The last 70 are sorted by label: of at most three classes, though 30 mixed ones come before.
    CHECK(labels_of(dataset, {parts[i].begin() + 30, parts[i].end()}).size() <= 3);
    CHECK(labels_of(dataset, {parts[i].begin(), parts[i].begin() + 30}).size() >= 6);
  }
  CHECK(std::equal(parts[0].begin(), parts[0].begin() + 30, iid[0].begin()));
}

TEST_CASE("A long tail keeps the first samples of each class in the seeded order, fewer class by class") {
  const Dataset dataset = labeled(1000, 10);
  for (const auto& [text, limits] : {std::pair{"long-tail", std::vector<int>{100, 50, 25, 12, 6, 3, 1, 0, 0, 0}},
                                     {"long-tail(beta=0.8)", {100, 80, 64, 51, 40, 32, 26, 20, 16, 13}},
                                     {"long-tail(beta=0)", {100, 0, 0, 0, 0, 0, 0, 0, 0, 0}}}) {
    INFO(text);
    std::vector<std::int32_t> kept, dealt;
    std::vector<int> left = limits;
    for (const auto& part : deal(dataset, "iid", 1, 4, 5))
      for (const auto i : part)
        if (left[static_cast<std::size_t>(i % 10)]-- > 0) kept.push_back(i);
    const Parts parts = deal(dataset, text, 1, 4, 5);
    for (const auto& part : parts) dealt.insert(dealt.end(), part.begin(), part.end());
    CHECK(dealt == kept);
    for (const auto& part : parts) CHECK(part.size() - kept.size() / 4 <= 1);
  }
  CHECK(user_error([&] { deal(labeled(12, 10), "long-tail", 1, 4, 0); }) ==
        "task.partition 'long-tail' keeps 3 of 12 training samples, too few for 4 workers; raise beta");
}

TEST_CASE("Mixed deals a share in turn and cuts the sorted rest in runs") {
  const Dataset dataset = labeled(1003, 10);
  std::vector<std::int32_t> order;
  for (const auto& part : deal(dataset, "iid", 1, 10, 2)) order.insert(order.end(), part.begin(), part.end());
  // floor(0.75 * 1003) = 752 samples, of which 75 go to each of the 10 workers.
  std::vector<std::int32_t> rest(order.begin() + 750, order.end());
  std::sort(rest.begin(), rest.end(), [](int a, int b) { return std::pair(a % 10, a) < std::pair(b % 10, b); });
  const Parts parts = deal(dataset, "mixed(sorted=0.25)", 1, 10, 2);
  auto next = rest.begin();
  for (std::size_t w = 0; w < 10; ++w) {
    std::vector<std::int32_t> expected;
    for (std::size_t i = w; i < 750; i += 10) expected.push_back(order[i]);
    const std::ptrdiff_t run = w < 3 ? 26 : 25;
    expected.insert(expected.end(), next, next + run);
    next += run;
    CHECK(parts[w] == expected);
  }
  CHECK(deal(dataset, "mixed(sorted=1)", 1, 10, 2) == deal(dataset, "extreme", 1, 10, 2));
}

TEST_CASE("A worker's shards hold few classes") {
  const Dataset dataset = labeled(1000, 10);
  for (const auto& part : deal(dataset, "shards(shards=2)", 1, 5, 0)) {
    CHECK(part.size() == 200);
    CHECK(labels_of(dataset, part).size() == 2);
  }
  for (const auto& part : deal(dataset, "shards(shards=1)", 1, 10, 0)) CHECK(labels_of(dataset, part).size() == 1);
}

TEST_CASE("Dirichlet shares have the mean and variance of the distribution") {
  // The share that the first of two workers gets of a class is Beta(alpha, alpha): variance 1 / (4 (2 alpha + 1)).
  constexpr int classes = 1000, each = 200;
  const Dataset dataset = labeled(classes * each, classes);
  for (const double alpha : {0.1, 0.5, 1.0, 3.0}) {
    INFO(alpha);
    const Parts parts = deal(dataset, "dirichlet(alpha=" + std::to_string(alpha) + ")", 1, 2, 0);
    std::vector<double> share(classes);
    for (const auto i : parts[0]) share[static_cast<std::size_t>(i % classes)] += 1.0 / each;
    double mean = 0, variance = 0;
    for (const double value : share) mean += value / classes;
    for (const double value : share) variance += (value - mean) * (value - mean) / classes;
    CHECK(mean == Approx(0.5).margin(0.05));
    CHECK(variance == Approx(1 / (4 * (2 * alpha + 1))).epsilon(0.1));
  }
}

TEST_CASE("Dirichlet with a tiny alpha gives each class to one worker and still leaves none empty") {
  const Dataset dataset = labeled(1000, 2);
  const Parts parts = deal(dataset, "dirichlet(alpha=0.001)", 1, 20, 0);
  std::vector<std::size_t> counts = sizes(parts);
  std::sort(counts.rbegin(), counts.rend());
  CHECK(counts[0] + counts[1] >= 980);
  CHECK(counts.back() == 1);
}

TEST_CASE("Partitions that can leave a part empty say that it gets a sample of the largest") {
  for (const auto& entry : Registry<Partition>::all()) {
    const bool fills = entry.name == "dirichlet" || entry.name == "gamma-similarity" || entry.name == "shards";
    INFO(entry.name);
    CHECK(contains(entry.summary, "an empty part gets one sample of the largest") == fills);
  }
  // Shares 0.5: runs of 3 and of 3 samples, both to the first three of five workers.
  CHECK(sizes(deal(labeled(6, 3), "gamma-similarity(gamma=0.5)", 1, 5, 0)) == std::vector<std::size_t>{1, 1, 2, 1, 1});
}

TEST_CASE("Partitions by class refuse a regression, and all refuse more workers than samples") {
  Dataset regression;
  regression.name = "line";
  regression.train.count = 30;
  regression.train.targets.resize(30);
  CHECK(deal(regression, "iid", 1, 3, 0).size() == 3);
  for (const auto& entry : Registry<Partition>::all()) {
    INFO(entry.name);
    const std::string error = user_error([&] { deal(regression, entry.name, 1, 3, 0); });
    if (entry.name != "iid")
      CHECK(contains(error, "'" + entry.name + "' needs class labels, which dataset 'line' has not"));
    const std::string few = user_error([&] { deal(labeled(5, 2), entry.name, 1, 6, 0); });
    CHECK(contains(few, "5 training samples are too few for 6 workers"));
  }
  CHECK(
      contains(user_error([&] { deal(regression, "idd", 1, 3, 0); }), "unknown partition 'idd'; did you mean 'iid'?"));
}

TEST_CASE("Data that is born partitioned goes to its owners whole") {
  Dataset dataset;
  dataset.name = "owned";
  dataset.train.count = 5;
  dataset.train.targets.resize(5);
  dataset.owner = {1, 0, 1, 2, 0};
  CHECK(deal(dataset, "iid", 1, 3, 9) == Parts{{1, 4}, {0, 2}, {3}});
  CHECK(contains(user_error([&] { deal(dataset, "iid", 0.5, 3, 9); }), "train_fraction must be 1"));
  CHECK_THROWS_AS(deal(dataset, "iid", 1, 4, 9), std::logic_error);
  CHECK_THROWS_AS(deal(dataset, "iid", 1, 2, 9), std::logic_error);
}

}  // namespace
}  // namespace gauntlet
