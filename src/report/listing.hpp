// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "src/cell/catalogue.hpp"
#include "src/report/documentation.hpp"

namespace gauntlet {

/// The catalogues for a terminal: name and summary; with `details` also formula, condition, parameters and source.
std::string listing_text(const std::vector<Catalogue>& catalogues, bool details);

/// The catalogues as JSON: `{"attacks": [{"name": …, "parameters": [{"name", "kind", "default", …}]}], …}`.
/// Every member is always there; a bound that does not exist is null.
std::string listing_json(const std::vector<Catalogue>& catalogues);

/// The catalogues as Markdown tables, each between `<!-- begin: attacks -->` and `<!-- end: attacks -->`.
std::string listing_markdown(const std::vector<Catalogue>& catalogues);

/// The tables of listing_markdown, one by one.
std::vector<GeneratedTable> tables_of(const std::vector<Catalogue>& catalogues);

}  // namespace gauntlet
