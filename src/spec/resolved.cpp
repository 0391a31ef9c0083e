// SPDX-License-Identifier: Apache-2.0

#include "kernels/registry/text.hpp"
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

std::string toml_text(const Written& value) { return quoted(value.text); }
std::string toml_text(bool value) { return value ? "true" : "false"; }
std::string toml_text(int value) { return std::to_string(value); }
std::string toml_text(std::uint64_t value) { return std::to_string(value); }
std::string toml_text(double value) { return number_text(value); }

template <class T>
std::string line(const char* key, const std::vector<T>& axis) {
  std::string values;
  for (const T& value : axis) values += (values.empty() ? "" : ", ") + toml_text(value);
  return std::string(key) + " = [" + values + "]\n";
}

std::string declared_line(const std::vector<int>& axis) {
  std::string values;
  for (const int f : axis) values += (values.empty() ? "" : ", ") + (f == Spec::same ? "\"same\"" : toml_text(f));
  return "declared = [" + values + "]\n";
}

}  // namespace

std::string resolved(const Spec& spec) {
  return "name = " + quoted(spec.name) + "\n" +                         //
         line("rounds", spec.rounds) +                                  //
         "evaluate_every = " + toml_text(spec.evaluate_every) + "\n" +  //
         line("seeds", spec.seeds) +                                    //
         "\n[task]\n" +                                                 //
         line("dataset", spec.datasets) +                               //
         line("model", spec.models) +                                   //
         line("batch", spec.batches) +                                  //
         line("partition", spec.partitions) +                           //
         line("byzantine_data", spec.byzantine_data) +                  //
         line("train_fraction", spec.train_fractions) +                 //
         "\n[workers]\n" +                                              //
         line(spec.total ? "total" : "honest", spec.workers) +          //
         line("byzantine", spec.byzantine) +                            //
         declared_line(spec.declared) +                                 //
         "\n[training]\n" +                                             //
         line("estimator", spec.estimators) +                           //
         line("optimizer", spec.optimizers) +                           //
         line("learning_rate", spec.learning_rates) +                   //
         line("schedule", spec.schedules) +                             //
         line("weight_decay", spec.weight_decays) +                     //
         line("protocol", spec.protocols) +                             //
         "\n[matrix]\n" +                                               //
         line("attacks", spec.attacks) +                                //
         line("defenses", spec.defenses);
}

}  // namespace gauntlet
