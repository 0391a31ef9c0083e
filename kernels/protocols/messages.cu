// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/messages.cuh"

#include <stdexcept>

namespace gauntlet {

namespace {

void check_sizes(int n, int f) {
  if (f < 0 || f >= n)
    throw UserError("the number of Byzantine workers, " + std::to_string(f) + ", is out of range 0.." +
                    std::to_string(n - 1) + " for " + std::to_string(n) + " messages");
}

std::unique_ptr<Attack> make_attack(const std::string& text, int n, int f) {
  const ComponentText component = parse_component(text);
  const auto& entry = Registry<Attack>::find(component.name, "attack");
  const std::string condition = entry.needs(n, f);
  if (!condition.empty())
    throw UserError(entry.name + " needs " + condition + " (n = " + std::to_string(n) + ", f = " + std::to_string(f) +
                    ")");
  return entry.create(component, n, f);
}

}  // namespace

struct AttackTrial::State {
  Exec& exec;
  int cells, n, f, extras, m;
  std::int64_t d;
  std::unique_ptr<Attack> attack;
  RowStore store;  ///< per cell: n given messages, then the extra rows
  RowStore sent;   ///< f per cell
  Array<const float*> rows;
  Array<float*> extra, output, outputs;
  Array<double> mixing;
  Array<double*> mixing_of;
  Array<std::uint64_t> seeds;
  Array<int> round;
  RowStore aggregates;  ///< zero without a defense
  RowStore trusted;
  Array<float*> trusted_rows;
  std::shared_ptr<const Pipeline> pipeline;
  std::unique_ptr<Defense> defense;
  std::unique_ptr<DefenseRehearsal> rehearsal;
  std::unique_ptr<BoundAttack> bound;

  State(Exec& exec_, const std::string& attack_text, const std::string& defense_text, int n_, int f_, std::int64_t d_,
        const std::vector<std::uint64_t>& given_seeds)
      : exec(exec_), cells(static_cast<int>(given_seeds.size())), n(n_), f(f_), d(d_) {
    check_sizes(n, f);
    attack = make_attack(attack_text, n, f);
    extras = attack->extra_rows();
    m = n + extras;
    store = RowStore(exec, std::int64_t{cells} * m, d);
    sent = RowStore(exec, std::int64_t{cells} * f, d);
    output = Array<float*>(exec, sent.pointers());
    seeds = Array<std::uint64_t>(exec, given_seeds);
    round = Array<int>(exec, 1);
    aggregates = RowStore(exec, cells, d);
    outputs = Array<float*>(exec, aggregates.pointers());

    std::vector<const float*> tables;
    std::vector<float*> writable;
    std::vector<double> identity(static_cast<std::size_t>(cells) * n * m);
    std::vector<double*> mixings;
    mixing = Array<double>(exec, identity.size());
    for (int c = 0; c < cells; ++c) {
      for (int p = 0; p < m; ++p) tables.push_back(store.row(std::int64_t{c} * m + p));
      for (int p = n; p < m; ++p) writable.push_back(store.row(std::int64_t{c} * m + p));
      for (int i = 0; i < n; ++i) identity[(static_cast<std::size_t>(c) * n + i) * m + i] = 1;
      mixings.push_back(mixing.data() + std::int64_t{c} * n * m);
    }
    rows = Array<const float*>(exec, tables);
    extra = Array<float*>(exec, writable);
    mixing.upload(identity);
    mixing_of = Array<double*>(exec, mixings);

    if (!defense_text.empty()) bind_defense(defense_text);
    bound = attack->bind(exec, view(), rehearsal.get());
  }

  void bind_defense(const std::string& text) {
    pipeline = std::make_shared<const Pipeline>(parse_pipeline(text), n, f);
    if (!pipeline->has_rule())
      throw UserError("defense '" + text +
                      "' has no rule for an attack to work against; end it in one, such as 'mean'");
    if (pipeline->trusted_batch() > 0) trusted = RowStore(exec, cells, d);
    trusted_rows = Array<float*>(exec, trusted.pointers());
    Defense::Job job;
    job.inboxes = {{cells, m, d, rows.data()}, n, mixing.data()};
    job.seeds = seeds.data();
    job.round = round.data();
    job.out = outputs.data();
    job.trusted = trusted_rows.data();
    defense = std::make_unique<Defense>(exec, pipeline, job);
    if (attack->knows_defense()) rehearsal = std::make_unique<DefenseRehearsal>(*defense);
  }

  AttackView view() {
    AttackView v;
    v.cells = cells, v.n = n, v.f = f, v.honest = n - f, v.declared = f, v.m = m, v.own = true, v.d = d;
    v.rows = rows.data(), v.extra = extra.data(), v.mixing = mixing_of.data();
    v.last_output = outputs.data();
    v.seeds = seeds.data(), v.round = round.data();
    return v;
  }
};

AttackTrial::AttackTrial(Exec& exec, const std::string& attack, const std::string& defense, int n, int f,
                         std::int64_t d, const std::vector<std::uint64_t>& seeds)
    : state_(std::make_unique<State>(exec, attack, defense, n, f, d, seeds)) {}

AttackTrial::~AttackTrial() = default;

std::vector<float> AttackTrial::act(int round, const float* rows, const float* trusted) {
  State& s = *state_;
  const auto width = sizeof(float) * static_cast<std::size_t>(s.d);
  if (s.pipeline) s.pipeline->check_trusted(trusted != nullptr);
  for (std::int64_t c = 0; c < s.trusted.rows(); ++c) copy_to(s.exec, s.trusted.row(c), trusted + c * s.d, width);
  for (int c = 0; c < s.cells; ++c)
    for (int i = 0; i < s.n; ++i)
      copy_to(s.exec, s.store.row(std::int64_t{c} * s.m + i), rows + (std::int64_t{c} * s.n + i) * s.d, width);
  s.round.upload({round});
  s.bound->act();
  keep_window(s.exec, s.view(), s.attack->window);
  for (int c = 0; c < s.cells; ++c)
    for (int b = 0; b < s.f; ++b)
      combine(s.exec, {1, s.m, s.d, s.rows.data() + std::int64_t{c} * s.m},
              s.mixing.data() + (std::int64_t{c} * s.n + s.n - s.f + b) * s.m, s.m,
              s.output.data() + std::int64_t{c} * s.f + b);
  // So that a defense with a memory sees the rounds go by as in a run.
  if (s.defense) s.defense->run();

  std::vector<float> messages(static_cast<std::size_t>(s.cells) * s.f * s.d);
  for (std::int64_t i = 0; i < s.sent.rows(); ++i) copy_from(s.exec, messages.data() + i * s.d, s.sent.row(i), width);
  return messages;
}

std::vector<float> AttackTrial::aggregates() const {
  State& s = *state_;
  if (!s.defense) throw std::logic_error("a trial without a defense has no aggregates");
  std::vector<float> rows(static_cast<std::size_t>(s.cells) * s.d);
  for (int c = 0; c < s.cells; ++c)
    copy_from(s.exec, rows.data() + c * s.d, s.aggregates.row(c), sizeof(float) * static_cast<std::size_t>(s.d));
  return rows;
}

bool AttackTrial::padding_is_zero() const {
  State& s = *state_;
  const std::vector<float> values = s.store.values().download();
  for (std::int64_t i = 0; i < s.store.rows(); ++i)
    for (std::int64_t k = s.d; k < padded(s.d); ++k)
      if (values[static_cast<std::size_t>(i * padded(s.d) + k)] != 0) return false;
  return true;
}

std::vector<float> attack_rows(Exec& exec, const std::string& attack, const std::string& defense, int f, int n,
                               std::int64_t d, const float* rows, std::uint64_t seed, const float* trusted) {
  return AttackTrial(exec, attack, defense, n, f, d, {seed}).act(0, rows, trusted);
}

}  // namespace gauntlet
