// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "kernels/protocols/adversary.cuh"
#include "kernels/protocols/given.cuh"
#include "tests/backends.hpp"
#include "tests/trial.hpp"

/// What agreement promises, whatever the Byzantine clients send: their messages are given.
namespace gauntlet {
namespace {

/// Clients and what the Byzantine ones send in every sub-round: [sub-round][receiver][sender].
struct Scene {
  FloatMatrix honest;
  int f = 0, rounds = 1;
  FloatMatrix messages = {};
  std::vector<float> delivered = {};  ///< empty: all

  int h() const { return static_cast<int>(honest.size()); }
  int n() const { return h() + f; }
  int d() const { return static_cast<int>(honest[0].size()); }
};

/// The honest vectors after every sub-round: under an attack, where every Byzantine client computed `own`, or what they
/// send is given.
std::vector<FloatMatrix> agree_under(Exec& exec, const std::string& attack, const std::string& defense,
                                     const Scene& scene, const FloatMatrix& own) {
  const std::vector<float> honest = flat(scene.honest), messages = flat(scene.messages), computed = flat(own);
  GivenVectors given;
  given.honest = scene.h(), given.f = scene.f, given.d = scene.d(), given.exchanges = scene.rounds;
  given.vectors = honest.data(), given.own = computed.data(), given.messages = messages.data();
  if (!scene.delivered.empty()) given.delivered = scene.delivered.data();
  const std::string protocol = "agreement(rounds=" + std::to_string(scene.rounds) + ")";
  const FloatMatrix rows =
      rows_of(agree_on_given(exec, {parse_component(protocol), defense, attack}, given), scene.d());
  std::vector<FloatMatrix> result;
  for (auto at = rows.begin(); at != rows.end(); at += scene.h()) result.emplace_back(at, at + scene.h());
  return result;
}

std::vector<FloatMatrix> agree(Exec& exec, const std::string& defense, const Scene& scene) {
  return agree_under(exec, "", defense, scene, {});
}

/// Clients that agree in one round after the other. The vectors of a round are the honest clients' and then, where the
/// attack looks at them, the Byzantine ones'.
class Meeting {
 public:
  Meeting(Exec& exec, const std::string& rounds, const std::string& attack, const std::string& defense, int n, int f,
          int d)
      : exec_(exec), round_(exec, 1) {
    Wiring wiring;
    wiring.cells = {make_match(attack, defense, n, f)};
    wiring.n = n, wiring.f = f, wiring.own = computes_own(wiring.cells[0].attack.get()), wiring.d = d;
    const auto& entry = Registry<Protocol>::find("agreement", "protocol");
    const auto protocol = entry.create(parse_component("agreement(rounds=" + rounds + ")"), n, f);
    wiring.views = protocol->shape(n, f, wiring.own).models;
    rows_ = RowStore(exec, wiring.views, d);
    wiring.computed = rows_.pointers(), wiring.round = round_.data();
    bound_ = protocol->bind(exec, wiring);
  }

  /// What every client holds after round t.
  FloatMatrix play(int t, const FloatMatrix& vectors) {
    REQUIRE(vectors.size() == static_cast<std::size_t>(rows_.rows()));
    for (std::size_t i = 0; i < vectors.size(); ++i)
      copy_to(exec_, rows_.row(static_cast<std::int64_t>(i)), vectors[i].data(), sizeof(float) * vectors[i].size());
    round_.upload({t});
    bound_->exchange(bound_->variant(t));
    FloatMatrix held;
    for (const float* row : bound_->aggregates()) {
      held.emplace_back(vectors[0].size());
      copy_from(exec_, held.back().data(), row, sizeof(float) * vectors[0].size());
    }
    return held;
  }

 private:
  Exec& exec_;
  RowStore rows_;
  Array<int> round_;
  std::unique_ptr<BoundProtocol> bound_;
};

FloatMatrix joined(FloatMatrix rows, const FloatMatrix& more) {
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

struct Box {
  std::vector<double> low, high;

  explicit Box(const FloatMatrix& rows) : low(rows[0].begin(), rows[0].end()), high(low) {
    for (const auto& row : rows)
      for (std::size_t k = 0; k < row.size(); ++k) {
        low[k] = std::min(low[k], static_cast<double>(row[k]));
        high[k] = std::max(high[k], static_cast<double>(row[k]));
      }
  }
  double edge(std::size_t k) const { return high[k] - low[k]; }
};

/// How far the vectors leave the box of the others, at most, by the largest number of that.
double beyond(const FloatMatrix& rows, const FloatMatrix& honest) {
  const Box box(honest);
  double most = 0, scale = 1;
  for (const auto& row : rows)
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (!std::isfinite(row[k])) return INFINITY;
      most = std::max({most, row[k] - box.high[k], box.low[k] - row[k]});
      scale = std::max({scale, box.high[k], -box.low[k]});
    }
  return most / scale;
}

/// The largest ratio of the boxes' edges after and before.
double contraction(const FloatMatrix& before, const FloatMatrix& after) {
  const Box from(before), to(after);
  double most = 0;
  for (std::size_t k = 0; k < from.low.size(); ++k) most = std::max(most, to.edge(k) / from.edge(k));
  return most;
}

using Number = std::function<float()>;

/// The message to a receiver from a sender, of d numbers, where the honest vectors are these.
using Message = std::function<std::vector<float>(const FloatMatrix& honest, int receiver, int sender, Number&)>;

std::vector<float> random_row(std::size_t d, float size, Number& number) {
  std::vector<float> row(d);
  for (float& value : row) value = size * number();
  return row;
}

/// An end of the honest box, or a point so many edges beyond it.
std::vector<float> end_of(const FloatMatrix& honest, bool upper, double edges) {
  const Box box(honest);
  std::vector<float> row;
  for (std::size_t k = 0; k < box.low.size(); ++k)
    row.push_back(static_cast<float>(upper ? box.high[k] + edges * box.edge(k) : box.low[k] - edges * box.edge(k)));
  return row;
}

const std::vector<std::pair<const char*, Message>> messages = {
    {"a vector of its own to every receiver",
     [](const FloatMatrix& honest, int, int, Number& number) { return random_row(honest[0].size(), 2, number); }},
    {"two camps",
     [](const FloatMatrix& honest, int v, int, Number&) { return v % 2 == 0 ? honest.front() : honest.back(); }},
    {"the ends of the honest box",
     [](const FloatMatrix& honest, int v, int, Number&) { return end_of(honest, v % 2 == 0, 0); }},
    {"beyond the honest box",
     [](const FloatMatrix& honest, int v, int b, Number&) { return end_of(honest, (v + b) % 2 == 0, 1); }},
    {"each to its own side",
     [](const FloatMatrix& honest, int v, int, Number&) {
       std::vector<float> row = end_of(honest, true, 1);
       const std::vector<float> low = end_of(honest, false, 1);
       const Box box(honest);
       for (std::size_t k = 0; k < row.size(); ++k)
         if (honest[static_cast<std::size_t>(v)][k] <= 0.5 * (box.low[k] + box.high[k])) row[k] = low[k];
       return row;
     }},
    {"huge", [](const FloatMatrix& honest, int, int, Number& number) {
       return random_row(honest[0].size(), 1e4f / std::sqrt(static_cast<float>(honest[0].size())), number);
     }}};

/// One sub-round of random clients, some of whose coordinates lie in two camps, so that the box is all that there is.
Scene scene_of(int n, int f, int d, const Message& message, unsigned seed, double silence = 0) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Number number = [&] { return normal(generator); };
  Scene scene;
  scene.f = f;
  for (int i = 0; i < n - f; ++i) {
    scene.honest.push_back(random_row(static_cast<std::size_t>(d), 1, number));
    for (int k = 0; k < d; k += 3) scene.honest.back()[static_cast<std::size_t>(k)] = (i + k) % n < n / 2 ? 1 : -1;
  }
  for (int v = 0; v < n - f; ++v)
    for (int b = 0; b < f; ++b) {
      scene.messages.push_back(message(scene.honest, v, b, number));
      if (silence > 0) scene.delivered.push_back(std::uniform_real_distribution<>()(generator) >= silence);
    }
  return scene;
}

/// Where everybody gets the same, what the first receiver gets.
Message to_all(const Message& message) {
  return [message, sent = std::make_shared<std::vector<std::vector<float>>>()](const FloatMatrix& honest, int v, int b,
                                                                               Number& number) {
    if (v == 0) sent->push_back(message(honest, 0, b, number));
    return (*sent)[static_cast<std::size_t>(b)];
  };
}

/// Rules and pipelines that clients can agree with, and that work for n vectors of which f are Byzantine.
std::vector<std::string> rules_for(int n, int f) {
  const auto protocol = Registry<Protocol>::find("agreement", "protocol").create({"agreement", {}}, n, f);
  std::vector<std::string> result;
  for (const auto& entry : Registry<Stage>::all()) {
    const std::string text = whole_pipeline(entry);
    std::string unmet;
    const auto look = [&] { unmet = protocol->unmet(make_match("", text, n, f), n, f); };
    if (user_error(look).empty() && unmet.empty()) result.push_back(text);
  }
  return result;
}

bool draws(const std::string& pipeline) {
  for (const auto& stage : parse_pipeline(pipeline))
    if (Registry<Stage>::find(stage.name, "defense").traits.draws_workers) return true;
  return false;
}

TEST_CASE("agreement: the box rules never leave the honest box", "[agreement]") {
  for (const auto& exec : test_backends())
    for (const char* rule : {"box-mean", "box-geom"})
      for (const auto& [n, f] : {std::pair{3, 1}, {5, 2}, {7, 3}, {10, 2}, {10, 3}, {4, 0}})
        for (const auto& [name, message] : messages)
          for (const double silence : {0.0, 0.4}) {
            INFO(rule << ", n = " << n << ", f = " << f << ", " << name << ", silence " << silence << " on "
                      << backend_name(*exec));
            const Scene scene = scene_of(n, f, 7, message, static_cast<unsigned>(n + f), silence);
            const FloatMatrix after = agree(*exec, rule, scene)[0];
            CHECK(beyond(after, scene.honest) <= 1e-6);
            CHECK(contraction(scene.honest, after) <= 1 + 1e-6);
          }
}

TEST_CASE("agreement: how much of the honest box's edges is left after a sub-round", "[agreement]") {
  const auto none_left = [](int, int) { return 0.0; };
  const auto box_mean = [](int n, int f) { return n / (2.0 * (n - f)); };
  const auto box_mean_silent = [](int n, int f) { return (1 + std::max(0, f - 1) / static_cast<double>(n - f)) / 2; };
  const auto trimmed_mean = [](int n, int f) { return f / static_cast<double>(n - 2 * f); };
  const auto all_left = [](int, int) { return 1.0; };
  struct Bound {
    const char* rule;
    bool same, silent;
    std::function<double(int n, int f)> most;
  };
  const std::vector<Bound> bounds = {
      {"box-mean", true, false, none_left},      {"box-geom", true, false, none_left},
      {"trimmed-mean", true, false, none_left},  {"box-mean", false, false, box_mean},
      {"box-mean", true, true, box_mean_silent}, {"box-geom", false, false, all_left},
      {"box-geom", true, true, all_left},        {"trimmed-mean", false, false, trimmed_mean}};
  for (const auto& exec : test_backends())
    for (const Bound& bound : bounds)
      for (const auto& [n, f] : {std::pair{4, 1}, {7, 2}, {10, 1}, {10, 2}, {10, 3}, {11, 3}})
        for (const auto& [name, message] : messages)
          for (unsigned seed = 0; seed < 3; ++seed) {
            INFO(bound.rule << ", n = " << n << ", f = " << f << ", " << name << ", seed " << seed << ", same "
                            << bound.same << ", silent " << bound.silent << " on " << backend_name(*exec));
            const Scene scene = scene_of(n, f, 6, bound.same ? to_all(message) : message, seed, bound.silent ? 0.5 : 0);
            CHECK(contraction(scene.honest, agree(*exec, bound.rule, scene)[0]) <= bound.most(n, f) + 1e-5);
          }
}

TEST_CASE("agreement: what is sent can leave n / (2 (n - f)) of an edge to box-mean, and no less", "[agreement]") {
  for (const auto& exec : test_backends())
    for (const auto& [n, f, left] : {std::tuple{10, 1, .5556}, {10, 2, .625}, {10, 3, .7143}, {7, 2, .7}}) {
      INFO("n = " << n << ", f = " << f << " on " << backend_name(*exec));
      // f honest clients at the upper end. Receiver 0 hears of low liars, so that it trusts the lower end alone; the
      // others hear of high ones, and stay between the honest mean and the upper end.
      Scene scene;
      scene.f = f;
      for (int i = 0; i < n - f; ++i) scene.honest.push_back({i < f ? 1.0f : 0.0f});
      for (int v = 0; v < n - f; ++v)
        for (int b = 0; b < f; ++b) scene.messages.push_back({v == 0 ? -100.0f : 100.0f});
      CHECK(contraction(scene.honest, agree(*exec, "box-mean", scene)[0]) == Approx(left).epsilon(1e-4));
    }
}

TEST_CASE("agreement: what is sent can leave all of an edge to box-geom", "[agreement]") {
  const int n = 10, f = 2, d = 33;
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    // Two honest clients are in one point, which has 1 at coordinate 0; six lie around it at equal distances in
    // opposite directions, and have 0 there. Receiver 0 hears of two more that have 0, and trusts 0 alone. To the
    // others the liars are in the point, too: it is then the geometric median of any eight of the ten.
    Scene scene;
    scene.f = f;
    const std::vector<float> point = [&] {
      std::vector<float> row(d, 0.0f);
      row[0] = 1;
      return row;
    }();
    scene.honest = FloatMatrix(8, point);
    for (std::size_t i = 0; i < 6; ++i) {
      scene.honest[2 + i][0] = 0;
      scene.honest[2 + i][1 + i / 2] = i % 2 == 0 ? 10.0f : -10.0f;
    }
    for (int v = 0; v < n - f; ++v)
      for (int b = 0; b < f; ++b) scene.messages.push_back(v == 0 ? scene.honest[2] : point);
    CHECK(contraction(scene.honest, agree(*exec, "box-geom", scene)[0]) == Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("agreement: receivers that hear the same hold the same, bit by bit, under every rule", "[agreement]") {
  const int n = 11, f = 2;
  const auto rules = rules_for(n, f);
  CHECK(rules.size() > 30);
  for (const auto& exec : test_backends())
    for (const std::string& rule : rules) {
      Scene scene = scene_of(n, f, 37, to_all(messages[0].second), 5);
      const FloatMatrix once = scene.messages;
      scene.rounds = 2;
      scene.messages.insert(scene.messages.end(), once.begin(), once.end());
      for (const FloatMatrix& after : agree(*exec, rule, scene))
        for (const auto& row : after) {
          INFO(rule << " on " << backend_name(*exec));
          REQUIRE(row == after[0]);
        }
    }
}

TEST_CASE("agreement: every client holds what the defense makes of what it heard, under every rule", "[agreement]") {
  const int n = 11, f = 2;
  for (const auto& exec : test_backends())
    for (const std::string& rule : rules_for(n, f)) {
      INFO(rule << " on " << backend_name(*exec));
      const Scene scene = scene_of(n, f, 37, messages[0].second, 6);
      const FloatMatrix after = agree(*exec, rule, scene)[0];
      for (int v = 0; v < scene.h(); ++v) {
        FloatMatrix heard = scene.honest;
        heard.insert(heard.end(), scene.messages.begin() + v * f, scene.messages.begin() + (v + 1) * f);
        const FloatMatrix alone = aggregate(*exec, rule, heard, f);
        INFO("receiver " << v);
        CHECK(relative_error({after[static_cast<std::size_t>(v)]}, alone) <= 2e-5);
      }
    }
}

TEST_CASE("agreement: who hears of no Byzantine client makes of the honest vectors what f = 0 does", "[agreement]") {
  const int n = 11, f = 2;
  for (const auto& exec : test_backends())
    for (const std::string& rule : rules_for(n, f)) {
      if (!accepts(rule, n - f, 0) || draws(rule)) continue;
      INFO(rule << " on " << backend_name(*exec));
      Scene scene = scene_of(n, f, 37, messages[5].second, 7);
      scene.delivered.assign(scene.messages.size(), 1.0f);
      std::fill_n(scene.delivered.begin() + f, f, 0.0f);  // receiver 1
      const FloatMatrix want = aggregate(*exec, rule, scene.honest, 0);
      CHECK(relative_error({agree(*exec, rule, scene)[0][1]}, want) <= 2e-5);
      const auto under = agree_under(*exec, "ipm(epsilon=100, silence=1)", rule, scene, FloatMatrix(f, want[0]));
      for (const auto& row : under[0]) CHECK(relative_error({row}, want) <= 2e-5);
    }
}

TEST_CASE("agreement: every attack sends all clients what it would send a server", "[agreement]") {
  const int n = 9, f = 2;
  int checked = 0;
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Attack>::all()) {
      if (!entry.needs(n, f).empty()) continue;
      const auto attack = entry.create({entry.name, {}}, n, f);
      if (attack->meets_receivers()) continue;
      INFO(entry.name << " on " << backend_name(*exec));
      Scene scene = scene_of(n, f, 37, messages[0].second, 8);
      const FloatMatrix own = {scene.messages[0], scene.messages[1]};
      FloatMatrix all = scene.honest;
      all.insert(all.end(), own.begin(), own.end());
      const FloatMatrix sent = rows_of(attack_rows(*exec, entry.name, "trimmed-mean", f, n, 37, flat(all).data()), 37);
      for (int v = 0; v < scene.h(); ++v) std::copy(sent.begin(), sent.end(), scene.messages.begin() + v * f);
      const FloatMatrix want = agree(*exec, "trimmed-mean", scene)[0];
      scene.rounds = 3;
      const auto got = agree_under(*exec, entry.name, "trimmed-mean", scene, own);
      CHECK(relative_error(got[0], want) <= 1e-5);
      for (const FloatMatrix& after : got)
        for (const auto& row : after) REQUIRE(row == after[0]);
      ++checked;
    }
  CHECK(checked > 15);
}

/// What a conduct makes of message b to a receiver, written from its definition.
std::vector<float> addressed(const std::string& equivocation, const FloatMatrix& honest, int v,
                             std::vector<float> message) {
  const Box box(honest);
  const auto mean = reference::mean(reference::wide(honest));
  for (std::size_t k = 0; k < message.size(); ++k) {
    const double x = honest[static_cast<std::size_t>(v)][k], edge = box.edge(k);
    if (equivocation == "mirror" && v % 2 == 1) message[k] = static_cast<float>(2 * mean[k] - message[k]);
    if (equivocation == "extremes")
      message[k] = static_cast<float>(x <= (box.low[k] + box.high[k]) / 2 ? box.low[k] - edge : box.high[k] + edge);
  }
  return message;
}

TEST_CASE("agreement: sub-rounds under an attack and its conduct, step by step", "[agreement]") {
  const int n = 9, f = 2, d = 37, sub_rounds = 3;
  int checked = 0;
  for (const auto& exec : test_backends())
    for (const std::string attack :
         {"none", "sign-flip", "ipm(epsilon=2, %)", "alie", "gaussian", "min-max", "optimal"})
      for (const std::string equivocation : {"none", "mirror", "extremes"})
        for (const std::string state : {"follow", "resend"})
          for (const std::string defense : {"trimmed-mean", "box-geom", "nnm | mean", "centered-clipping(tau=1)"}) {
            const bool remembers = Pipeline(parse_pipeline(defense), n, f).remembers();
            if (remembers && state == "follow") continue;
            const std::string options = "state=" + state + ", equivocation=" + equivocation;
            const std::size_t hole = attack.find('%');
            const std::string text =
                hole == std::string::npos ? attack + "(" + options + ")" : attack.substr(0, hole) + options + ")";
            if (remembers && attack == "optimal") continue;  // which would try out what has not yet been
            const std::string plain = hole == std::string::npos ? attack : attack.substr(0, hole - 2) + ")";
            INFO(text << " on " << defense << ", " << backend_name(*exec));
            Scene scene = scene_of(n, f, d, messages[0].second, 13);
            FloatMatrix own(scene.messages.begin(), scene.messages.begin() + f), vectors = scene.honest;
            Scene under = scene;
            under.rounds = sub_rounds;
            const auto got = agree_under(*exec, text, defense, under, own);
            scene.messages.clear();
            for (int s = 0; s < sub_rounds; ++s) {
              FloatMatrix all = vectors;
              all.insert(all.end(), own.begin(), own.end());
              const FloatMatrix sent = rows_of(attack_rows(*exec, plain, defense, f, n, d, flat(all).data()), d);
              for (int v = 0; v < scene.h(); ++v)
                for (const auto& message : sent) scene.messages.push_back(addressed(equivocation, vectors, v, message));
              scene.rounds = s + 1;
              vectors = agree(*exec, defense, scene).back();
              if (state == "follow") own = FloatMatrix(f, aggregate(*exec, defense, all, f)[0]);
              INFO("sub-round " << s + 1);
              REQUIRE(relative_error(got[static_cast<std::size_t>(s)], vectors) <= 2e-4);
              ++checked;
            }
          }
  CHECK(checked > 300);
}

TEST_CASE("agreement: a round that nobody remembers is what it is whatever came before", "[agreement]") {
  const int n = 9, f = 3, d = 37;
  for (const auto& exec : test_backends())
    for (const char* conduct : {"silence=0.5", "equivocation=spread", "equivocation=mirror, silence=0.9"}) {
      INFO(conduct << " on " << backend_name(*exec));
      const std::string attack = "optimal(" + std::string(conduct) + ")";
      Meeting meeting(*exec, "2", attack, "trimmed-mean", n, f, d);
      for (int t = 0; t < 3; ++t) {
        const FloatMatrix vectors = scene_of(n, f, d, messages[0].second, static_cast<unsigned>(t)).honest;
        const FloatMatrix got = meeting.play(t, vectors);
        CHECK(got == Meeting(*exec, "2", attack, "trimmed-mean", n, f, d).play(t, vectors));
        CHECK(std::count(got.begin(), got.end(), got[0]) < n - f);
      }
    }
}

TEST_CASE("agreement: a delayed message is the one of some training rounds ago, in all sub-rounds", "[agreement]") {
  const int n = 9, f = 2, d = 37, rounds = 6, delay = 2;
  for (const auto& exec : test_backends())
    for (const std::string state : {"follow", "resend"}) {
      Meeting meeting(*exec, "3", "delayed(rounds=2, state=" + state + ")", "mean", n, f, d);
      std::vector<FloatMatrix> own;
      for (int t = 0; t < rounds; ++t) {
        INFO("round " << t << ", state " << state << " on " << backend_name(*exec));
        const Scene scene = scene_of(n, f, d, messages[0].second, static_cast<unsigned>(20 + t));
        own.emplace_back(scene.messages.begin(), scene.messages.begin() + f);
        const FloatMatrix& sent = own[static_cast<std::size_t>(t < delay ? t : t - delay)];
        FloatMatrix want = scene.honest;
        for (int s = 0; s < 3; ++s) want = FloatMatrix(want.size(), aggregate(*exec, "mean", joined(want, sent), f)[0]);
        FloatMatrix got = meeting.play(t, joined(scene.honest, own.back()));
        got.resize(want.size());
        CHECK(relative_error(got, want) <= 1e-5);
      }
    }
}

TEST_CASE("agreement: who learns whom to mimic copies that client in the sub-rounds of all rounds", "[agreement]") {
  const int n = 9, f = 3, h = n - f, d = 37;
  const double silence = 0.5;
  for (const auto& exec : test_backends())
    for (const unsigned seed : {0U, 100U, 300U}) {
      INFO("seed " << seed << " on " << backend_name(*exec));
      Meeting meeting(*exec, "auto", "mimic(silence=0.5)", "mean", n, f, d);
      std::size_t target = 0;
      for (int t = 0; t < 5; ++t) {
        FloatMatrix vectors = scene_of(n, f, d, messages[0].second, seed + static_cast<unsigned>(t)).honest;
        if (t == 0) {
          const FloatMatrix all = joined(vectors, FloatMatrix(f, vectors[0]));
          const FloatMatrix sent = rows_of(attack_rows(*exec, "mimic", "", f, n, d, flat(all).data()), d);
          target = static_cast<std::size_t>(std::find(vectors.begin(), vectors.end(), sent[0]) - vectors.begin());
          REQUIRE((target > 0 && target < h));  // the first is whom it copies that has learned nothing
        }
        const FloatMatrix got = meeting.play(t, vectors);
        const int sub_rounds = static_cast<int>(std::ceil(std::log2(t + 2)));
        for (int s = 0; s < sub_rounds; ++s) {
          FloatMatrix next;
          for (int v = 0; v < h; ++v) {
            FloatMatrix heard = vectors;
            for (int b = 0; b < f; ++b) {
              const Random random(0, ProtocolDraw::silence, static_cast<std::uint32_t>(v * f + b),
                                  static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(s));
              if (random.uniform() > silence) heard.push_back(vectors[target]);
            }
            next.push_back(aggregate(*exec, "mean", heard, 0)[0]);
          }
          vectors = next;
        }
        INFO("round " << t);
        CHECK(relative_error(got, vectors) <= 1e-5);
      }
    }
}

TEST_CASE("agreement: the Byzantine clients' models move by what these hold", "[agreement]") {
  const int n = 9, f = 2, d = 37;
  for (const auto& exec : test_backends())
    for (const std::string attack : {"none", "sign-flip"})
      for (const std::string equivocation : {"none", "mirror", "extremes"})
        for (const std::string state : {"follow", "resend"})
          for (const std::string defense : {"mean", "box-mean"}) {
            if (defense == "box-mean" && equivocation == "none") continue;  // all hold one vector: see below
            const std::string text = attack + "(equivocation=" + equivocation + ", state=" + state + ")";
            INFO(text << " on " << defense << ", " << backend_name(*exec));
            Scene scene = scene_of(n, f, d, messages[0].second, 30);
            const FloatMatrix own(scene.messages.begin(), scene.messages.begin() + f);
            scene.rounds = 2;
            const auto honest = agree_under(*exec, text, defense, scene, own);
            const FloatMatrix followed(f, aggregate(*exec, defense, joined(scene.honest, own), f)[0]);
            const FloatMatrix want =
                state == "follow" ? aggregate(*exec, defense, joined(honest[0], followed), f) : honest[1];
            const FloatMatrix got = Meeting(*exec, "2", text, defense, n, f, d).play(0, joined(scene.honest, own));
            REQUIRE(got.size() == n);
            for (int b = 0; b < f; ++b) CHECK(relative_error({got[n - f + b]}, FloatMatrix{want[0]}) <= 1e-5);
          }
}

TEST_CASE("agreement: where all come to hold one vector, so do the Byzantine clients' models", "[agreement]") {
  const int n = 9, f = 2, d = 37;
  for (const auto& exec : test_backends())
    for (const std::string attack : {"none", "sign-flip", "label-flip"})
      for (const std::string rounds : {"1", "3"}) {
        INFO(attack << ", " << rounds << " sub-rounds on " << backend_name(*exec));
        const Scene scene = scene_of(n, f, d, messages[0].second, 31);
        const FloatMatrix own(scene.messages.begin(), scene.messages.begin() + f);
        const FloatMatrix got =
            Meeting(*exec, rounds, attack, "trimmed-mean", n, f, d).play(0, joined(scene.honest, own));
        REQUIRE(got.size() == n);
        CHECK(relative_error(got, FloatMatrix(n, std::vector<float>(d))) > 0.1);
        for (const auto& row : got) CHECK(row == got[0]);
      }
}

TEST_CASE("a trial refuses what only clients that agree understand", "[agreement][attacks]") {
  for (const auto& exec : test_backends())
    for (const char* conduct : {"equivocation=mirror", "silence=0.5", "state=resend"}) {
      INFO(conduct << " on " << backend_name(*exec));
      const auto error = [&](const std::string& attack) {
        return user_error([&] { const Trial trial(*exec, attack, "mean", 9, 2, 5); });
      };
      CHECK(contains(error("sign-flip(" + std::string(conduct) + ")"), "protocol agreement"));
      CHECK(error("sign-flip").empty());
    }
}

TEST_CASE("agreement: spread draws anew for every receiver, silence as often as it says", "[agreement]") {
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    // Under the mean of n a receiver holds (h mu + f mu + sigma (e_1 + ... + e_f)) / n.
    const int h = 6, f = 2, d = 4000;
    Scene scene = scene_of(h + f, f, d, messages[0].second, 14);
    const auto after = agree_under(*exec, "zero(equivocation=spread)", "mean", scene, {})[0];
    const auto wide = reference::wide(scene.honest);
    const auto mean = reference::mean(wide);
    std::vector<std::vector<double>> drawn(h, std::vector<double>(d));
    for (int k = 0; k < d; ++k) {
      double variance = 0;
      for (const auto& row : wide) variance += (row[k] - mean[k]) * (row[k] - mean[k]) / (h - 1);
      for (int v = 0; v < h; ++v) drawn[v][k] = (after[v][k] - mean[k]) * (h + f) / std::sqrt(variance * f);
    }
    for (int v = 0; v < h; ++v)
      for (int w = 0; w <= v; ++w) {
        double product = 0;
        for (int k = 0; k < d; ++k) product += drawn[v][k] * drawn[w][k] / d;
        CHECK(std::abs(product - (v == w)) < 0.1);
      }

    // Zeros that arrive make a receiver's mean smaller.
    Scene many = scene_of(60, 20, 1, messages[0].second, 15);
    for (auto& row : many.honest) row = {1};
    many.rounds = 1;
    const auto heard = agree_under(*exec, "zero(silence=0.3)", "mean", many, {})[0];
    double arrived = 0;
    for (const auto& row : heard) arrived += 40 / row[0] - 40;
    CHECK(arrived / (40 * 20) == Approx(0.7).margin(0.06));
    CHECK(heard[0] != heard[1]);
    many.rounds = 2;
    const auto later = agree_under(*exec, "zero(silence=0.3)", "mean", many, {});
    CHECK(later[0] == heard);
    double before = 0;
    for (const auto& row : later[0]) before += row[0] / 40;
    const auto count = [&](std::size_t v) { return std::lround(40 * before / later[1][v][0] - 40); };
    int same = 0;
    for (std::size_t v = 0; v < 40; ++v) same += count(v) == std::lround(40 / heard[v][0] - 40);
    CHECK(same < 25);  // drawn anew in every sub-round
  }
}

TEST_CASE("agreement: attack none is no attack, and who is alone agrees with itself", "[agreement]") {
  for (const auto& exec : test_backends()) {
    Scene scene = scene_of(9, 0, 37, messages[0].second, 9);
    scene.rounds = 2;
    const auto plain = agree(*exec, "mean", scene);
    CHECK(relative_error({plain[1][3]}, aggregate(*exec, "mean", scene.honest, 0)) <= 1e-6);
    Scene some = scene;
    some.f = 2;
    const FloatMatrix own(some.honest.end() - 2, some.honest.end());
    some.honest.resize(7);
    const auto followed = agree_under(*exec, "none", "mean", some, own);
    for (int s = 0; s < 2; ++s) CHECK(relative_error({followed[s][3]}, FloatMatrix{plain[s][3]}) <= 1e-6);

    const Scene alone = scene_of(1, 0, 37, messages[0].second, 10);
    int checked = 0;
    for (const std::string& rule : rules_for(1, 0)) {
      const auto& stages = parse_pipeline(rule);
      if (!Registry<Stage>::find(stages.back().name, "defense").traits.unanimous || stages.size() > 1) continue;
      INFO(rule << " on " << backend_name(*exec));
      CHECK(relative_error(agree(*exec, rule, alone)[0], alone.honest) <= 1e-5);
      ++checked;
    }
    CHECK(checked > 10);
  }
}

TEST_CASE("agreement: 64 clients hear each its own", "[agreement]") {
  const int n = 64, f = 20;
  for (const auto& exec : test_backends())
    for (const char* rule : {"box-mean", "trimmed-mean", "krum", "nnm | median"}) {
      INFO(rule << " on " << backend_name(*exec));
      const Scene scene = scene_of(n, f, 5, messages[0].second, 11);
      const FloatMatrix after = agree(*exec, rule, scene)[0];
      for (const int v : {0, 21, 43}) {
        FloatMatrix heard = scene.honest;
        heard.insert(heard.end(), scene.messages.begin() + v * f, scene.messages.begin() + (v + 1) * f);
        CHECK(relative_error({after[static_cast<std::size_t>(v)]}, aggregate(*exec, rule, heard, f)) <= 1e-5);
      }
    }
}

TEST_CASE("agreement: defenses and attacks that need a server or a graph are refused", "[agreement]") {
  for (const auto& exec : test_backends()) {
    const Scene scene = scene_of(9, 2, 5, messages[0].second, 12);
    const auto error = [&](const char* defense) { return user_error([&] { agree(*exec, defense, scene); }); };
    CHECK(contains(error("fltrust"), "protocol agreement: the defense trusts a message that a server computes"));
    CHECK(contains(error("nnm"), "defense 'nnm' has no rule"));
    CHECK(contains(error("crum"), "did you mean 'krum'?"));
    const FloatMatrix own(scene.honest.begin(), scene.honest.begin() + 2);
    CHECK(contains(user_error([&] { agree_under(*exec, "dissensus", "mean", scene, own); }), "protocol gossip"));
  }
}

}  // namespace
}  // namespace gauntlet
