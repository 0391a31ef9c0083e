// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/trial.hpp"

/// Receivers that see one broadcast in ways of their own, and inboxes from which somebody is absent.
namespace gauntlet {
namespace {

/// One stack of base rows with a view for each of several receivers: in view v, message i is base row `source[v][i]`
/// scaled, or absent.
struct Broadcast {
  int n, f, views;
  FloatMatrix base;
  std::vector<std::vector<int>> source;
  std::vector<std::vector<double>> scale;
  std::vector<std::vector<int>> absent;  ///< per view: the workers who are not there

  FloatMatrix inbox(int view) const {
    FloatMatrix rows;
    const auto v = static_cast<std::size_t>(view);
    for (int i = 0; i < n; ++i) {
      if (std::count(absent[v].begin(), absent[v].end(), i) != 0) continue;
      rows.push_back(base[static_cast<std::size_t>(source[v][static_cast<std::size_t>(i)])]);
      for (float& x : rows.back()) x = static_cast<float>(scale[v][static_cast<std::size_t>(i)] * x);
    }
    return rows;
  }
};

/// Every view mixes the last f messages of its own from rows that the others do not use, and misses up to `missing`.
Broadcast broadcast(int n, int f, int d, int views, int missing, unsigned seed) {
  Broadcast all{n, f, views, random_inbox(n + views, f, d, seed), {}, {}, {}};
  for (int v = 0; v < views; ++v) {
    all.source.emplace_back();
    all.scale.emplace_back();
    all.absent.emplace_back();
    for (int i = 0; i < n; ++i) {
      const bool byzantine = i >= n - f;
      all.source.back().push_back(byzantine ? n + v : i);
      all.scale.back().push_back(byzantine ? 1 + 0.5 * (i - n + f) : 1);
    }
    for (int k = 0; k < v % (missing + 1); ++k) all.absent.back().push_back((3 * v + 2 * k) % n);
  }
  return all;
}

/// The broadcast bound as one Defense.
class Receivers {
 public:
  Receivers(Exec& exec, const std::string& pipeline, const Broadcast& all, bool mask)
      : exec_(exec),
        all_(all),
        m_(static_cast<int>(all.base.size())),
        d_(static_cast<std::int64_t>(all.base[0].size())),
        rows_(exec, m_, d_),
        out_(exec, all.views, d_),
        table_(exec, rows_.pointers()),
        outputs_(exec, out_.pointers()),
        seeds_(exec, std::vector<std::uint64_t>(static_cast<std::size_t>(all.views), 5)),
        round_(exec, 1) {
    std::vector<double> mixing(static_cast<std::size_t>(all.views * all.n * m_));
    std::vector<std::uint8_t> present(static_cast<std::size_t>(all.views * all.n), 1);
    for (int v = 0; v < all.views; ++v) {
      const auto view = static_cast<std::size_t>(v);
      for (int i = 0; i < all.n; ++i)
        mixing[static_cast<std::size_t>((v * all.n + i) * m_ + all.source[view][static_cast<std::size_t>(i)])] =
            all.scale[view][static_cast<std::size_t>(i)];
      for (const int i : all.absent[view]) {
        present[static_cast<std::size_t>(v * all.n + i)] = 0;
        // What an absent message would be is nobody's business.
        for (int p = 0; p < m_; ++p) mixing[static_cast<std::size_t>((v * all.n + i) * m_ + p)] = NAN;
      }
    }
    mixing_ = Array<double>(exec, mixing);
    present_ = Array<std::uint8_t>(exec, present);
    const auto width = sizeof(float) * static_cast<std::size_t>(d_);
    for (int p = 0; p < m_; ++p) copy_to(exec, rows_.row(p), all.base[static_cast<std::size_t>(p)].data(), width);
    Defense::Job job;
    job.inboxes.base = {all.views, m_, d_, table_.data(), all.views};
    job.inboxes.n = all.n;
    job.inboxes.mixing = mixing_.data();
    job.seeds = seeds_.data();
    job.round = round_.data();
    job.out = outputs_.data();
    if (mask) job.present = present_.data();
    defense_ =
        std::make_unique<Defense>(exec, std::make_shared<const Pipeline>(parse_pipeline(pipeline), all.n, all.f), job);
  }

  FloatMatrix outputs(int round = 0) {
    round_.upload({round});
    defense_->run();
    FloatMatrix result(static_cast<std::size_t>(all_.views), std::vector<float>(static_cast<std::size_t>(d_)));
    for (int v = 0; v < all_.views; ++v)
      copy_from(exec_, result[static_cast<std::size_t>(v)].data(), out_.row(v), sizeof(float) * d_);
    return result;
  }

  /// The squared length of every view's output when all its messages are as they are, and when they are doubled.
  std::vector<double> trial() {
    std::vector<double> once = mixing_.download(), both;
    const std::size_t size = static_cast<std::size_t>(all_.n * m_);
    for (std::size_t v = 0; v < static_cast<std::size_t>(all_.views); ++v)
      for (const double factor : {1.0, 2.0})
        for (std::size_t i = 0; i < size; ++i) both.push_back(factor * once[v * size + i]);
    const Array<double> mixings(exec_, both), reference(exec_, static_cast<std::size_t>(all_.views * m_));
    Array<double> outcome(exec_, static_cast<std::size_t>(all_.views) * 4);
    defense_->rehearse(mixings.data(), 2, reference.data(), 0, outcome.data());
    return outcome.download();
  }

 private:
  Exec& exec_;
  const Broadcast& all_;
  int m_;
  std::int64_t d_;
  RowStore rows_, out_;
  Array<float*> table_, outputs_;
  Array<std::uint64_t> seeds_;
  Array<int> round_;
  Array<double> mixing_;
  Array<std::uint8_t> present_;
  std::unique_ptr<Defense> defense_;
};

std::vector<std::string> pipelines_without_trust(int n, int f) {
  std::vector<std::string> all;
  for (const auto& entry : Registry<Stage>::all()) {
    const std::string text = entry.role == "rule"             ? entry.name
                             : entry.role == "pre-aggregator" ? entry.name + " | trimmed-mean"
                                                              : "median | " + entry.name;
    if (!unmet_need(parse_pipeline(text), n, f).empty()) continue;
    if (Pipeline(parse_pipeline(text), n, f).trusted_batch() == 0) all.push_back(text);
  }
  for (const char* text : {"nnm | krum", "arc | nnm | median | ctma", "krum | ctma", "centered-clipping | ctma",
                           "centered-clipping(stateless=true, start=zero)", "nnm | mean", "geometric-median | ctma"})
    all.emplace_back(text);
  return all;
}

double norm2(const std::vector<float>& row) {
  double total = 0;
  for (const float x : row) total += static_cast<double>(x) * x;
  return total;
}

TEST_CASE("receivers of one broadcast get what each would get alone", "[views]") {
  const int n = 11, f = 2;
  const Broadcast all = broadcast(n, f, 60, 4, 0, 21);
  for (const auto& exec : test_backends())
    for (const std::string& pipeline : pipelines_without_trust(n, f)) {
      Receivers receivers(*exec, pipeline, all, false);
      const FloatMatrix got = receivers.outputs();
      for (int v = 0; v < all.views; ++v) {
        // Seeds are 5 there and 0 here: whoever draws at random is compared in its own test.
        INFO(pipeline << ", view " << v << " on " << backend_name(*exec));
        Broadcast one = all;
        one.views = 1, one.source = {all.source[static_cast<std::size_t>(v)]},
        one.scale = {all.scale[static_cast<std::size_t>(v)]}, one.absent = {{}};
        const FloatMatrix want = Receivers(*exec, pipeline, one, false).outputs();
        CHECK(relative_error(FloatMatrix{got[static_cast<std::size_t>(v)]}, want) <= 1e-6);
      }
    }
}

TEST_CASE("variants that an attacker tries are views, too, and leave the rule as it was", "[views]") {
  const int n = 11, f = 2;
  const Broadcast all = broadcast(n, f, 60, 3, 0, 22);
  for (const auto& exec : test_backends())
    for (const std::string& pipeline : pipelines_without_trust(n, f)) {
      INFO(pipeline << " on " << backend_name(*exec));
      Receivers tried(*exec, pipeline, all, false), untried(*exec, pipeline, all, false);
      const std::vector<double> outcome = tried.trial();
      const FloatMatrix got = tried.outputs(), want = untried.outputs();
      CHECK(relative_error(got, want) == 0);
      for (std::size_t v = 0; v < 3; ++v) CHECK(outcome[4 * v] == Approx(norm2(want[v])).epsilon(1e-5).margin(1e-9));
    }
}

TEST_CASE("who is absent has spent itself: a rule sees fewer messages, and as many fewer Byzantine ones", "[views]") {
  const int n = 12, f = 2;
  const Broadcast all = broadcast(n, f, 60, 6, 2, 23);
  for (const auto& exec : test_backends())
    for (const std::string& pipeline : pipelines_without_trust(n, f)) {
      Receivers receivers(*exec, pipeline, all, true);
      const FloatMatrix got = receivers.outputs();
      for (int v = 0; v < all.views; ++v) {
        const int missing = static_cast<int>(all.absent[static_cast<std::size_t>(v)].size());
        INFO(pipeline << ", view " << v << " without " << missing << " on " << backend_name(*exec));
        Broadcast one = all;
        one.views = 1, one.n = n - missing, one.f = f - missing, one.base = all.inbox(v), one.absent = {{}};
        one.source = {{}}, one.scale = {std::vector<double>(static_cast<std::size_t>(one.n), 1.0)};
        for (int i = 0; i < one.n; ++i) one.source[0].push_back(i);
        const FloatMatrix want = Receivers(*exec, pipeline, one, false).outputs();
        CHECK(relative_error(FloatMatrix{got[static_cast<std::size_t>(v)]}, want) <= 1e-6);
      }
    }
}

}  // namespace
}  // namespace gauntlet
