// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/trial.cuh"

#include <numeric>
#include <stdexcept>

namespace gauntlet {

namespace {

void check_sizes(int n, int f) {
  if (f < 0 || f >= n)
    throw UserError("the number of Byzantine workers, " + std::to_string(f) + ", is out of range 0.." +
                    std::to_string(n - 1) + " for " + std::to_string(n) + " messages");
}

}  // namespace

Match make_match(const std::string& attack, const std::string& defense, int n, int f) {
  Match match;
  if (!attack.empty()) {
    check_sizes(n, f);
    match.attack = make_attack(attack, n, f);
    if (f == 0) match.attack = nullptr;
  }
  if (defense.empty()) return match;
  match.defense = std::make_shared<const Pipeline>(parse_pipeline(defense), n, f);
  if (!attack.empty() && !match.defense->has_rule())
    throw UserError("defense '" + defense +
                    "' has no rule for an attack to work against; end it in one, such as 'mean'");
  return match;
}

struct Trial::State {
  Exec& exec;
  Match match;
  int inboxes, n, byzantine;  ///< inboxes; messages of each, and how many of them an attack writes
  std::int64_t d;
  RowStore given, trusted, models, outputs;
  Array<int> round;
  std::unique_ptr<Aggregators> aggregators;
  std::unique_ptr<Adversary> adversary;

  State(Exec& exec_, const std::string& attack, const std::string& defense, int n_, int f, std::int64_t d_,
        const std::vector<std::uint64_t>& seeds, bool moving)
      : exec(exec_),
        match(make_match(attack, defense, n_, f)),
        inboxes(static_cast<int>(seeds.size())),
        n(n_),
        byzantine(match.attack ? f : 0),
        d(d_),
        given(exec, std::int64_t{inboxes} * n, d),
        round(exec, 1) {
    if (match.attack)
      for (const std::string& reason : {unmet_misconduct(*match.attack), unmet_conduct(*match.attack)})
        if (!reason.empty()) throw UserError(reason);
    if (match.defense && match.defense->trusted_batch() > 0) trusted = RowStore(exec, inboxes, d);
    if (moving) models = RowStore(exec, inboxes, d);
    const bool one = match.defense == nullptr || match.defense->has_rule();
    outputs = RowStore(exec, std::int64_t{inboxes} * (one ? 1 : match.defense->rows_out()), d);
    Wiring wiring;
    for (const std::uint64_t seed : seeds) wiring.cells.push_back({match.attack, match.defense, seed});
    wiring.n = n, wiring.f = byzantine, wiring.own = true, wiring.d = d;
    wiring.computed = given.pointers();
    wiring.trusted = trusted.pointers();
    wiring.aggregates = outputs.pointers();
    wiring.models = models.pointers();
    wiring.round = round.data();
    aggregators = std::make_unique<Aggregators>(exec, wiring);
    adversary = std::make_unique<Adversary>(exec, wiring, *aggregators);
  }

  std::size_t width() const { return sizeof(float) * static_cast<std::size_t>(d); }

  std::vector<float> download(const RowStore& rows) const {
    std::vector<float> values(static_cast<std::size_t>(rows.rows() * d));
    for (std::int64_t i = 0; i < rows.rows(); ++i) copy_from(exec, values.data() + i * d, rows.row(i), width());
    exec.synchronize();
    return values;
  }
};

Trial::Trial(Exec& exec, const std::string& attack, const std::string& defense, int n, int f, std::int64_t d,
             const std::vector<std::uint64_t>& seeds, bool moving)
    : state_(std::make_unique<State>(exec, attack, defense, n, f, d, seeds, moving)) {}

Trial::~Trial() = default;

void Trial::show(int round, const float* rows, const float* trusted) {
  State& s = *state_;
  if (s.match.defense) s.match.defense->check_trusted(trusted != nullptr);
  for (std::int64_t c = 0; c < s.trusted.rows(); ++c) copy_to(s.exec, s.trusted.row(c), trusted + c * s.d, s.width());
  for (std::int64_t i = 0; i < s.given.rows(); ++i) copy_to(s.exec, s.given.row(i), rows + i * s.d, s.width());
  s.round.upload({round});
}

void Trial::run(int round, const float* rows, const float* trusted) {
  show(round, rows, trusted);
  state_->adversary->act();
  state_->aggregators->run();
}

std::vector<float> Trial::play(int round, const float* rows, const float* trusted) {
  run(round, rows, trusted);
  return aggregates();
}

std::vector<float> Trial::act(int round, const float* rows, const float* trusted) {
  run(round, rows, trusted);
  State& s = *state_;
  RowStore sent(s.exec, s.byzantine, s.d);
  const Array<float*> out(s.exec, sent.pointers());
  std::vector<float> messages;
  for (int c = 0; c < s.inboxes && s.byzantine > 0; ++c) {
    const Aggregators::Inbox& inbox = s.aggregators->inbox(static_cast<std::size_t>(c));
    const int m = static_cast<int>(inbox.base.size());
    const Array<const float*> base(s.exec, inbox.base);
    for (int b = 0; b < s.byzantine; ++b)
      combine(s.exec, {1, m, s.d, base.data()}, inbox.mixing + std::int64_t{s.n - s.byzantine + b} * m, m,
              out.data() + b);
    const std::vector<float> rows = s.download(sent);
    messages.insert(messages.end(), rows.begin(), rows.end());
  }
  return messages;
}

std::vector<float> Trial::aggregates() const {
  if (!state_->match.defense) throw std::logic_error("a trial without a defense has no aggregates");
  return state_->download(state_->outputs);
}

std::vector<Observations> Trial::observe(int round) {
  state_->round.upload({round});
  return state_->aggregators->observe();
}

Rehearsal& Trial::rehearsal() {
  if (!state_->match.defense) throw std::logic_error("a trial without a defense has none to try out");
  std::vector<int> all(static_cast<std::size_t>(state_->inboxes));
  std::iota(all.begin(), all.end(), 0);
  return *state_->aggregators->rehearsal(all);
}

void Trial::move_to(const float* model) {
  State& s = *state_;
  for (std::int64_t c = 0; c < s.models.rows(); ++c) copy_to(s.exec, s.models.row(c), model, s.width());
}

bool Trial::padding_is_zero() const {
  State& s = *state_;
  std::vector<float> values(static_cast<std::size_t>(padded(s.d)));
  for (int c = 0; c < s.inboxes; ++c)
    for (const float* row : s.aggregators->inbox(static_cast<std::size_t>(c)).base) {
      copy_from(s.exec, values.data(), row, sizeof(float) * values.size());
      for (std::size_t k = static_cast<std::size_t>(s.d); k < values.size(); ++k)
        if (values[k] != 0) return false;
    }
  return true;
}

std::vector<float> attack_rows(Exec& exec, const std::string& attack, const std::string& defense, int f, int n,
                               std::int64_t d, const float* rows, std::uint64_t seed, const float* trusted) {
  return Trial(exec, attack, defense, n, f, d, {seed}).act(0, rows, trusted);
}

std::vector<float> aggregate_rows(Exec& exec, const std::string& pipeline, int f, int n, std::int64_t d,
                                  const float* rows, const float* trusted) {
  if (pipeline.empty()) (void)parse_pipeline(pipeline);  // which says what is missing
  return Trial(exec, "", pipeline, n, f, d).play(0, rows, trusted);
}

}  // namespace gauntlet
