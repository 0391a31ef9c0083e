// SPDX-License-Identifier: Apache-2.0
#include "src/verify/defense_trial.hpp"

namespace gauntlet {

namespace {

/// `variants` mixings for each inbox in which message i is base row i; in those after the first the last f rows are
/// turned round.
std::vector<double> mixings(Sizes sizes, int inboxes, int variants) {
  std::vector<double> all;
  for (int c = 0; c < inboxes; ++c)
    for (int v = 0; v < variants; ++v)
      for (int i = 0; i < sizes.n; ++i)
        for (int p = 0; p < sizes.n; ++p) all.push_back(i != p ? 0 : v > 0 && i >= sizes.n - sizes.f ? -1 : 1);
  return all;
}

Array<const float*> row_table(Exec& exec, RowStore& rows) {
  const auto pointers = rows.pointers();
  return Array<const float*>(exec, std::vector<const float*>(pointers.begin(), pointers.end()));
}

}  // namespace

DefenseTrial::DefenseTrial(Exec& exec, const std::string& text, Sizes sizes, int inboxes, int d)
    : exec_(exec), sizes_(sizes), inboxes_(inboxes), d_(d) {
  const auto pipeline = std::make_shared<const Pipeline>(parse_pipeline(text), sizes.n, sizes.f);
  rows_out_ = pipeline->has_rule() ? 1 : pipeline->rows_out();
  messages_ = RowStore(exec, std::int64_t{inboxes} * sizes.n, d);
  trusted_ = RowStore(exec, inboxes, d);
  outputs_ = RowStore(exec, std::int64_t{inboxes} * rows_out_, d);
  table_ = row_table(exec, messages_);
  trusted_rows_ = Array<float*>(exec, trusted_.pointers());
  out_ = Array<float*>(exec, outputs_.pointers());
  identity_ = Array<double>(exec, mixings(sizes, inboxes, 1));
  seeds_ = Array<std::uint64_t>(exec, static_cast<std::size_t>(inboxes));
  round_ = Array<int>(exec, 1);
  Defense::Job job;
  job.inboxes = {{inboxes, sizes.n, d, table_.data()}, sizes.n, identity_.data()};
  job.seeds = seeds_.data();
  job.round = round_.data();
  job.out = out_.data();
  job.trusted = trusted_rows_.data();
  defense_ = std::make_unique<Defense>(exec, pipeline, job);
}

void DefenseTrial::receive(int round, const std::vector<Messages>& messages, int good) {
  const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(d_);
  round_.upload({round});
  for (int c = 0; c < inboxes_; ++c) {
    const Messages& inbox = messages[static_cast<std::size_t>(c)];
    for (int i = 0; i < sizes_.n; ++i)
      copy_to(exec_, messages_.row(std::int64_t{c} * sizes_.n + i), inbox[static_cast<std::size_t>(i)].data(), bytes);
    copy_to(exec_, trusted_.row(c), mean_of(inbox, good).data(), bytes);
  }
  exec_.synchronize();
}

std::vector<Messages> DefenseTrial::run(bool rehearsal) {
  defense_->run(rehearsal);
  std::vector<Messages> result(static_cast<std::size_t>(inboxes_));
  for (int c = 0; c < inboxes_; ++c)
    for (int r = 0; r < rows_out_; ++r) {
      std::vector<float> row(static_cast<std::size_t>(d_));
      copy_from(exec_, row.data(), outputs_.row(std::int64_t{c} * rows_out_ + r), sizeof(float) * row.size());
      result[static_cast<std::size_t>(c)].push_back(row);
    }
  return result;
}

std::vector<double> DefenseTrial::rehearse() {
  const Array<double> tried(exec_, mixings(sizes_, inboxes_, 2));
  const Array<double> zero(exec_, static_cast<std::size_t>(inboxes_) * sizes_.n);
  Array<double> outcome(exec_, static_cast<std::size_t>(inboxes_) * 2 * 2);
  defense_->rehearse(tried.data(), 2, zero.data(), -1, outcome.data());
  std::vector<double> squares;
  const std::vector<double> all = outcome.download();
  for (std::size_t i = 0; i < all.size(); i += 2) squares.push_back(all[i]);
  return squares;
}

}  // namespace gauntlet
