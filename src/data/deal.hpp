// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/data/dataset.hpp"

namespace gauntlet {

/// The training-sample indices of each of `receivers` workers. A random `train_fraction` of the training set is drawn,
/// shuffled and split by the partition that `partition_text` names. A dataset that is born partitioned (`owner`) goes
/// to its owners whole, whatever the partition. A function of its arguments alone.
/// \throws UserError for an unknown partition, one that does not suit the dataset, a fraction outside (0, 1], or fewer
/// samples than receivers.
std::vector<std::vector<std::int32_t>> deal(const Dataset& dataset, const std::string& partition_text,
                                            double train_fraction, int receivers, std::uint64_t seed);

/// The training-sample indices that the server holds: `count` different ones of the whole training set, whatever the
/// workers were dealt. A function of its arguments alone. \throws UserError when there are not so many.
std::vector<std::int32_t> deal_trusted(const Dataset& dataset, int count, std::uint64_t seed);

}  // namespace gauntlet
