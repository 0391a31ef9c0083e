// SPDX-License-Identifier: Apache-2.0
// Every way of dealing training samples to workers. The candidates come in random order.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/exec/error.hpp"
#include "src/data/dataset.hpp"
#include "src/data/random.hpp"

namespace gauntlet {
namespace {

using Indices = std::vector<std::int32_t>;
using Parts = std::vector<Indices>;

void require_labels(const Dataset& dataset, const std::string& partition) {
  if (dataset.train.labels.empty())
    throw UserError("task.partition '" + partition + "' needs class labels, which dataset '" + dataset.name +
                    "' has not; use 'iid'");
}

void require_enough(const Dataset& dataset, const Indices& candidates, int receivers) {
  if (candidates.size() < static_cast<std::size_t>(receivers))
    throw UserError("task.dataset '" + dataset.name + "': " + std::to_string(candidates.size()) +
                    " training samples are too few for " + std::to_string(receivers) + " workers");
}

// Deals consecutive runs of nearly equal length; the first (size mod parts) are one longer.
void append_runs(const Indices& indices, Parts& parts) {
  const std::size_t share = indices.size() / parts.size(), longer = indices.size() % parts.size();
  auto next = indices.begin();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto end = next + static_cast<std::ptrdiff_t>(share + (i < longer ? 1 : 0));
    parts[i].insert(parts[i].end(), next, end);
    next = end;
  }
}

void sort_by_label(const Dataset& dataset, Indices& indices) {
  const auto& labels = dataset.train.labels;
  std::sort(indices.begin(), indices.end(), [&](std::int32_t a, std::int32_t b) {
    const auto label_a = labels[static_cast<std::size_t>(a)], label_b = labels[static_cast<std::size_t>(b)];
    return label_a != label_b ? label_a < label_b : a < b;
  });
}

constexpr const char* filled = "; an empty part gets one sample of the largest";

// Gives every empty part one sample of the part that is largest at that moment.
void fill_empty(Parts& parts) {
  for (auto& part : parts) {
    if (!part.empty()) continue;
    auto& largest = *std::max_element(parts.begin(), parts.end(),
                                      [](const Indices& a, const Indices& b) { return a.size() < b.size(); });
    part.push_back(largest.back());
    largest.pop_back();
  }
}

// The logarithm of a Gamma(shape, 1) variate. In logarithms, because for a small shape the variate itself underflows.
// Marsaglia and Tsang, ACM TOMS 2000; shapes below 1 by Gamma(a) = Gamma(a + 1) · U^(1/a).
double log_gamma_variate(double shape, Stream& random) {
  if (shape < 1) {
    const double boost = std::log(random.uniform()) / shape;
    return log_gamma_variate(shape + 1, random) + boost;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(random.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

// Shares of the symmetric Dirichlet distribution.
std::vector<double> dirichlet_variate(double alpha, int size, Stream& random) {
  std::vector<double> shares(static_cast<std::size_t>(size));
  for (double& share : shares) share = log_gamma_variate(alpha, random);
  const double largest = *std::max_element(shares.begin(), shares.end());
  double sum = 0;
  for (double& share : shares) sum += share = std::exp(share - largest);
  for (double& share : shares) share /= sum;
  return shares;
}

class Iid : public Partition {
 public:
  Parts split(const Dataset& dataset, const Indices& candidates, int receivers, std::uint64_t) const override {
    require_enough(dataset, candidates, receivers);
    Parts parts(static_cast<std::size_t>(receivers));
    append_runs(candidates, parts);
    return parts;
  }
};

class Dirichlet : public Partition {
 public:
  explicit Dirichlet(double alpha) : alpha_(alpha) {}

  Parts split(const Dataset& dataset, const Indices& candidates, int receivers, std::uint64_t seed) const override {
    require_labels(dataset, "dirichlet");
    require_enough(dataset, candidates, receivers);
    Parts classes(static_cast<std::size_t>(dataset.classes)), parts(static_cast<std::size_t>(receivers));
    for (const std::int32_t i : candidates)
      classes[static_cast<std::size_t>(dataset.train.labels[static_cast<std::size_t>(i)])].push_back(i);
    for (std::size_t label = 0; label < classes.size(); ++label) {
      Stream random(seed, "dirichlet", static_cast<std::uint32_t>(label));
      const auto shares = dirichlet_variate(alpha_, receivers, random);
      const Indices& members = classes[label];
      double sum = 0;
      std::size_t begin = 0;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        sum += shares[i];
        const std::size_t cut = static_cast<std::size_t>(sum * static_cast<double>(members.size()));
        const std::size_t end = i + 1 == parts.size() ? members.size() : std::min(cut, members.size());
        for (; begin < end; ++begin) parts[i].push_back(members[begin]);
      }
    }
    fill_empty(parts);
    return parts;
  }

 private:
  double alpha_;
};

class GammaSimilarity : public Partition {
 public:
  GammaSimilarity(double gamma, std::string name) : gamma_(gamma), name_(std::move(name)) {}

  Parts split(const Dataset& dataset, const Indices& candidates, int receivers, std::uint64_t) const override {
    require_labels(dataset, name_);
    require_enough(dataset, candidates, receivers);
    const auto middle =
        candidates.begin() + static_cast<std::ptrdiff_t>(gamma_ * static_cast<double>(candidates.size()));
    Indices sorted(middle, candidates.end());
    sort_by_label(dataset, sorted);
    Parts parts(static_cast<std::size_t>(receivers));
    append_runs(Indices(candidates.begin(), middle), parts);
    append_runs(sorted, parts);
    fill_empty(parts);
    return parts;
  }

 private:
  double gamma_;
  std::string name_;
};

class LongTail : public Partition {
 public:
  explicit LongTail(double beta) : beta_(beta) {}

  Parts split(const Dataset& dataset, const Indices& candidates, int receivers, std::uint64_t) const override {
    require_labels(dataset, "long-tail");
    require_enough(dataset, candidates, receivers);
    const auto class_of = [&](std::int32_t i) {
      return static_cast<std::size_t>(dataset.train.labels[static_cast<std::size_t>(i)]);
    };
    std::vector<std::size_t> left(static_cast<std::size_t>(dataset.classes));
    for (const std::int32_t i : candidates) ++left[class_of(i)];
    for (std::size_t c = 0; c < left.size(); ++c)
      left[c] = static_cast<std::size_t>(static_cast<double>(left[c]) * std::pow(beta_, static_cast<double>(c)));
    Indices kept;
    for (const std::int32_t i : candidates) {
      if (left[class_of(i)] == 0) continue;
      --left[class_of(i)];
      kept.push_back(i);
    }
    if (kept.size() < static_cast<std::size_t>(receivers))
      throw UserError("task.partition 'long-tail' keeps " + std::to_string(kept.size()) + " of " +
                      std::to_string(candidates.size()) + " training samples, too few for " +
                      std::to_string(receivers) + " workers; raise beta");
    Parts parts(static_cast<std::size_t>(receivers));
    append_runs(kept, parts);
    return parts;
  }

 private:
  double beta_;
};

class Mixed : public Partition {
 public:
  explicit Mixed(double sorted) : sorted_(sorted) {}

  Parts split(const Dataset& dataset, const Indices& candidates, int receivers, std::uint64_t) const override {
    require_labels(dataset, "mixed");
    require_enough(dataset, candidates, receivers);
    Parts parts(static_cast<std::size_t>(receivers));
    std::size_t mixed = static_cast<std::size_t>((1 - sorted_) * static_cast<double>(candidates.size()));
    mixed -= mixed % parts.size();
    for (std::size_t i = 0; i < mixed; ++i) parts[i % parts.size()].push_back(candidates[i]);
    Indices rest(candidates.begin() + static_cast<std::ptrdiff_t>(mixed), candidates.end());
    sort_by_label(dataset, rest);
    append_runs(rest, parts);
    return parts;
  }

 private:
  double sorted_;
};

class Shards : public Partition {
 public:
  explicit Shards(int each) : each_(each) {}

  Parts split(const Dataset& dataset, const Indices& candidates, int receivers, std::uint64_t seed) const override {
    require_labels(dataset, "shards");
    require_enough(dataset, candidates, receivers);
    Indices sorted = candidates;
    sort_by_label(dataset, sorted);
    Parts shards(static_cast<std::size_t>(receivers) * static_cast<std::size_t>(each_));
    append_runs(sorted, shards);
    Stream(seed, "shards").shuffle(shards);
    Parts parts(static_cast<std::size_t>(receivers));
    for (std::size_t i = 0; i < shards.size(); ++i) {
      Indices& part = parts[i / static_cast<std::size_t>(each_)];
      part.insert(part.end(), shards[i].begin(), shards[i].end());
    }
    fill_empty(parts);
    return parts;
  }

 private:
  int each_;
};

const Registered<Partition> iid([](Entry<Partition>& entry) {
  entry.name = "iid";
  entry.summary = "random parts of nearly equal size";
  entry.source = "the usual";
  entry.make = [](const Arguments&) { return std::make_unique<Iid>(); };
});

const Registered<Partition> dirichlet([](Entry<Partition>& entry) {
  entry.name = "dirichlet";
  entry.summary = std::string("each class is split by shares drawn from a symmetric Dirichlet distribution") + filled;
  entry.formula = "p ~ Dir(alpha) per class, cut at floor(cumsum(p) N_c)";
  entry.source = "Hsu, Qi, Brown, arXiv:1909.06335";
  entry.parameters = {number("alpha", "1", "concentration: small is heterogeneous, large is iid", 0.001, 1e6)};
  entry.make = [](const Arguments& arguments) { return std::make_unique<Dirichlet>(arguments.number("alpha")); };
});

const Registered<Partition> gamma_similarity([](Entry<Partition>& entry) {
  entry.name = "gamma-similarity";
  entry.summary = std::string("a share gamma is dealt iid, the rest sorted by label and cut in runs") + filled;
  entry.source = "Karimireddy et al., SCAFFOLD, ICML 2020; Allouah et al., AISTATS 2023";
  entry.parameters = {number("gamma", "0.5", "share of the samples that is dealt iid", 0, 1)};
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<GammaSimilarity>(arguments.number("gamma"), "gamma-similarity");
  };
});

const Registered<Partition> extreme([](Entry<Partition>& entry) {
  entry.name = "extreme";
  entry.summary = "sorted by label and cut in runs of nearly equal size";
  entry.source = "Allouah et al., AISTATS 2023";
  entry.make = [](const Arguments&) { return std::make_unique<GammaSimilarity>(0.0, "extreme"); };
});

const Registered<Partition> long_tail([](Entry<Partition>& entry) {
  entry.name = "long-tail";
  entry.summary = "each class keeps fewer training samples than the one before; they are dealt iid";
  entry.formula = "the first floor(N_c beta^c) samples of class c = 0, 1, ... in random order";
  entry.source = "Cui, Jia, Lin, Song, Belongie, CVPR 2019; Karimireddy, He, Jaggi, ICLR 2022";
  entry.parameters = {number("beta", "0.5", "samples of a class for each sample of the one before", 0, 1)};
  entry.make = [](const Arguments& arguments) { return std::make_unique<LongTail>(arguments.number("beta")); };
});

const Registered<Partition> mixed([](Entry<Partition>& entry) {
  entry.name = "mixed";
  entry.summary = "a share is sorted by label and cut in runs, after the same number of random samples for each worker";
  entry.formula =
      "the first floor((1 - sorted) N), less the remainder by the workers, one by one in turn; the rest cut";
  entry.source = "He, Karimireddy, Jaggi, arXiv:2202.01545 (code)";
  entry.parameters = {number("sorted", "0.5", "share of the samples that is sorted", 0, 1)};
  entry.make = [](const Arguments& arguments) { return std::make_unique<Mixed>(arguments.number("sorted")); };
});

const Registered<Partition> shards([](Entry<Partition>& entry) {
  entry.name = "shards";
  entry.summary = std::string("sorted by label, cut in shards, each worker gets some at random") + filled;
  entry.source = "McMahan et al., AISTATS 2017";
  entry.parameters = {count("shards", "2", "shards of each worker", 1, 10000)};
  entry.make = [](const Arguments& arguments) { return std::make_unique<Shards>(arguments.count("shards")); };
});

}  // namespace
}  // namespace gauntlet
