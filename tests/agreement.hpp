// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <random>

#include "kernels/protocols/given.cuh"
#include "tests/backends.hpp"
#include "tests/trial.hpp"

/// Clients that agree on vectors which are given, or under an attack.
namespace gauntlet {

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
inline std::vector<FloatMatrix> agree_under(Exec& exec, const std::string& attack, const std::string& defense,
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

inline std::vector<FloatMatrix> agree(Exec& exec, const std::string& defense, const Scene& scene) {
  return agree_under(exec, "", defense, scene, {});
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

using Number = std::function<float()>;

/// The message to a receiver from a sender, of d numbers, where the honest vectors are these.
using Message = std::function<std::vector<float>(const FloatMatrix& honest, int receiver, int sender, Number&)>;

inline std::vector<float> random_row(std::size_t d, float size, Number& number) {
  std::vector<float> row(d);
  for (float& value : row) value = size * number();
  return row;
}

/// An end of the honest box, or a point so many edges beyond it.
inline std::vector<float> end_of(const FloatMatrix& honest, bool upper, double edges) {
  const Box box(honest);
  std::vector<float> row;
  for (std::size_t k = 0; k < box.low.size(); ++k)
    row.push_back(static_cast<float>(upper ? box.high[k] + edges * box.edge(k) : box.low[k] - edges * box.edge(k)));
  return row;
}

inline const std::vector<std::pair<const char*, Message>> messages = {
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
inline Scene scene_of(int n, int f, int d, const Message& message, unsigned seed, double silence = 0) {
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

/// Rules and pipelines that clients can agree with, and that work for n vectors of which f are Byzantine.
inline std::vector<std::string> rules_for(int n, int f) {
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

}  // namespace gauntlet
