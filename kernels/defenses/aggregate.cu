// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/aggregate.cuh"

#include "kernels/defenses/engine/pipeline.cuh"

namespace gauntlet {

std::vector<float> aggregate_rows(Exec& exec, const std::string& pipeline, int f, int n, std::int64_t d,
                                  const float* rows, const float* trusted) {
  const auto stages = std::make_shared<const Pipeline>(parse_pipeline(pipeline), n, f);
  const int rows_out = stages->has_rule() ? 1 : stages->rows_out();
  const std::size_t bytes = static_cast<std::size_t>(d) * sizeof(float);

  RowStore messages(exec, n, d), outputs(exec, rows_out, d), own(exec, trusted != nullptr ? 1 : 0, d);
  for (int i = 0; i < n; ++i) copy_to(exec, messages.row(i), rows + i * d, bytes);
  const auto pointers = messages.pointers();
  const Array<const float*> table(exec, std::vector<const float*>(pointers.begin(), pointers.end()));
  for (std::int64_t i = 0; i < own.rows(); ++i) copy_to(exec, own.row(i), trusted, bytes);
  const Array<float*> own_table(exec, own.pointers());
  const Array<float*> out(exec, outputs.pointers());
  const Array<std::uint64_t> seed(exec, 1);
  const Array<int> round(exec, 1);

  Defense::Job job;
  job.inboxes = {{1, n, d, table.data()}, n, nullptr};
  job.seeds = seed.data();
  job.round = round.data();
  job.out = out.data();
  job.trusted = own_table.data();
  Defense(exec, stages, job).run();

  std::vector<float> result(static_cast<std::size_t>(rows_out * d));
  for (int i = 0; i < rows_out; ++i) copy_from(exec, result.data() + i * d, outputs.row(i), bytes);
  exec.synchronize();
  return result;
}

}  // namespace gauntlet
