// SPDX-License-Identifier: Apache-2.0
#include "src/run/cohort.hpp"

#include "kernels/protocols/conduct.cuh"
#include "src/cell/components.hpp"

namespace gauntlet {

namespace {

TaskShape shape_of(const Dataset& dataset) {
  return {dataset.features, dataset.classes, dataset.height, dataset.width, dataset.channels};
}

}  // namespace

std::unique_ptr<Model> make_model(const Cell& cell, const Dataset& dataset) {
  std::shared_ptr<const ModelFamily> family = cell.parts->family;
  if (family == nullptr) {
    const ComponentText automatic{dataset.classes > 0 ? "softmax" : "linear", {}};
    family = Registry<ModelFamily>::find(automatic.name, "model").create(automatic, cell.workers, cell.byzantine);
  }
  auto model = family->build(shape_of(dataset));
  if (!dataset.start.empty() && static_cast<std::int64_t>(dataset.start.size()) != model->parameters())
    throw UserError("model '" + cell.model + "' has " + std::to_string(model->parameters()) + " parameters, but " +
                    cell.dataset + " starts from " + std::to_string(dataset.start.size()) + "; use model 'linear'");
  return model;
}

CohortKey cohort_key(const Cell& cell) {
  return {key_of(cell, AxisGroup::cohort), cell.parts->computes_own(), cell.parts->defense->trusted_batch()};
}

std::size_t bytes_per_cell(const Cell& cell, const Dataset& dataset) {
  const auto model = make_model(cell, dataset);
  const Components& parts = *cell.parts;
  const int batch = cell.batch > 0 ? cell.batch : dataset.train.count;
  const Shape shape = parts.protocol->shape(cell.workers, cell.byzantine, parts.computes_own());
  const int workers = (cell.workers + shape.models - 1) / shape.models + (parts.defense->trusted_batch() > 0);
  // Messages and the estimator's rows per worker; parameters, aggregate and what the defense keeps per model; what
  // attack and protocol keep per cell.
  int rows = workers * (1 + parts.estimator->rows_per_worker()) + 5;
  rows += parts.optimizer->rows_per_replica() + parts.defense->memory_rows(model->parameters());
  rows = rows * shape.models + shape.rows;
  if (parts.attack) rows += shape.models * (parts.attack->extra_rows() + parts.attack->memory_rows());
  if (parts.attack) rows += 2 * conduct_rows(parts.attack->conduct, cell.workers - cell.byzantine, cell.byzantine);
  const auto models = static_cast<std::size_t>(shape.models);
  const auto inputs = models * workers * batch * dataset.features;
  return (static_cast<std::size_t>(rows) * static_cast<std::size_t>(padded(model->parameters())) + inputs) *
             sizeof(float) +
         shape.bytes + models * model->bytes_per_replica(workers, batch);
}

}  // namespace gauntlet
