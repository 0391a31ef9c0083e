// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/adversary.cuh"
#include "tests/agreement.hpp"

/// Clients that agree while an attack writes what the Byzantine ones send.
namespace gauntlet {
namespace {

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
