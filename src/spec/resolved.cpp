// SPDX-License-Identifier: Apache-2.0

#include "src/spec/spec.hpp"

namespace gauntlet {
namespace {

std::string quoted(const std::string& text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      result += {'\\', c};
    else if (byte < 0x20 || byte == 0x7f)
      result += {'\\', 'u', '0', '0', digits[byte / 16], digits[byte % 16]};
    else
      result += c;
  }
  return result + "\"";
}

/// `batch = [25, 50]`, or `evaluate_every = 20`.
std::string line(const Axis& axis, const std::string& key, const std::vector<Written>& written) {
  std::string values;
  for (const Written& each : written) values += (values.empty() ? "" : ", ") + toml_text(axis, each.value);
  return key + " = " + (axis.single ? values : "[" + values + "]") + "\n";
}

}  // namespace

std::string toml_text(const Axis& axis, const AxisValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  if (axis.word != nullptr && value == AxisValue(Axis::same)) return quoted(axis.word);
  return text_of(value);
}

std::string resolved(const Spec& spec) {
  std::string text = "name = " + quoted(spec.name) + "\n";
  for (const std::string& table : axis_tables()) {
    if (!table.empty()) text += "\n[" + table + "]\n";
    for (std::size_t i = 0; i < axes().size(); ++i) {
      const Axis& axis = axes()[i];
      if (axis.table != table || !axis.identity) continue;
      text += line(axis, axis.other_key != nullptr && spec.total ? axis.other_key : axis.key, spec.values[i]);
    }
  }
  return text;
}

}  // namespace gauntlet
