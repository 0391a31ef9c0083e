// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/cell/axes.hpp"

namespace gauntlet {

/// A value on an axis; of a component, in its canonical spelling, also the place it was written at
/// (`spec.toml:12:13`), for messages that only the plan can give, since they depend on n and f.
struct Written {
  AxisValue value;
  std::string where = {};
};

/// What a user wrote, checked and completed with the defaults.
struct Spec {
  std::string name;                          ///< one path component: the default results folder is `results/<name>`
  bool total = false;                        ///< the workers are all of them, not the honest ones only
  std::vector<std::vector<Written>> values;  ///< by axis, in the order of axes(); at least one on each, none twice

  template <class T>
  const std::vector<Written>& of(T Cell::*field) const {
    return values.at(axis_of(field));
  }
};

/// Reads a spec file and applies `key=value` settings (`rounds=20`, `task.batch=[1, 2]`, `task.data_dir=/data`) on top.
/// A value is TOML, or else taken as a string. Giving one of workers.honest and workers.total replaces the other.
/// \throws UserError `file:line:column: …` for a file that cannot be read, bad TOML, an unknown key or component, a
/// wrong type, a value out of range, an empty axis, or a value listed twice.
Spec read_spec(const std::filesystem::path& file, const std::vector<std::string>& settings = {});

/// The same from a text; `file` is its name in messages.
Spec parse_spec(std::string_view text, const std::string& file, const std::vector<std::string>& settings = {});

/// The spec as TOML with every default written, every axis as a list, components in canonical spelling and `all`
/// expanded. Reading it gives the same spec. It is the identity of a run: results of the same text may be resumed
/// and merged. data_dir is no part of it (the data is the same wherever it lies), nor are the device and the output
/// folder, which are no part of a spec.
std::string resolved(const Spec& spec);

/// A value as it is written in a spec: `"iid"`, `0.1`, `"same"`.
std::string toml_text(const Axis& axis, const AxisValue& value);

}  // namespace gauntlet
