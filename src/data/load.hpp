// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "src/data/dataset.hpp"

namespace gauntlet {

/// The dataset that `text` names, such as `synthetic-digits(noise=0.3)`. An empty `data_dir` means $GAUNTLET_DATA, or
/// else `data` in the working directory. Loaded once per distinct request and kept until the program ends: callers
/// share it, and callers that come while it is being loaded wait for it. `seed` and `workers` matter only to datasets
/// that depend on them (DatasetSource::fixed). Safe to call from many threads.
/// \throws UserError for an unknown dataset or parameter, or what is wrong with a file; the next call tries again.
std::shared_ptr<const Dataset> load_dataset(const std::string& text, const std::string& data_dir, std::uint64_t seed,
                                            int workers);

/// Whether that dataset is the same for every seed and number of workers.
bool is_fixed(const std::string& text);

/// A checksum of all samples, labels and targets: eight hexadecimal digits. Equal data gives equal ones.
std::string checksum(const Dataset& dataset);

}  // namespace gauntlet
