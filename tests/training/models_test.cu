// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "kernels/exec/array.cuh"
#include "kernels/exec/philox.cuh"
#include "kernels/models/model.cuh"
#include "tests/backends.hpp"
#include "tests/reference/network.hpp"
#include "tests/support.hpp"

using namespace gauntlet;

namespace {

struct ModelCase {
  std::string text;
  TaskShape shape;
  NaiveNetwork naive;
  std::int64_t parameters;
  int checked = 60;  ///< coordinates compared with finite differences
  int workers = 2, batch = 3;
};

const TaskShape vector_task{6, 4, 0, 0, 0}, regression{5, 0, 0, 0, 0}, image_task{7 * 6 * 2, 3, 7, 6, 2};
const TaskShape mnist{784, 10, 28, 28, 1}, cifar{3072, 10, 32, 32, 3};

std::vector<ModelCase> model_cases() {
  return {
      {"softmax", vector_task, {0, 0, 0, {}, {4}}, 28},
      {"linear", regression, {0, 0, 0, {}, {1}, false}, 5},
      {"mlp(hidden=[7])", vector_task, {0, 0, 0, {}, {7, 4}}, 6 * 7 + 7 + 7 * 4 + 4},
      {"mlp(hidden=[9, 5])", regression, {0, 0, 0, {}, {9, 5, 1}}, 54 + 50 + 6},
      {"mlp(hidden=[])", vector_task, {0, 0, 0, {}, {4}}, 28},
      // Padding; pooling that leaves a remainder (7 × 6 by 2); a convolution without pooling; many rows per worker.
      {"stack(layers=conv(4,3,1) pool(2) conv(3,2) dense(6))",
       image_task,
       {7, 6, 2, {{4, 3, 1, 2}, {3, 2, 0, 1}}, {6, 3}},
       4 * 19 + 3 * 17 + 12 * 6 + 6 + 6 * 3 + 3,
       300},
      {"stack(layers=conv(5,2))", image_task, {7, 6, 2, {{5, 2, 0, 1}}, {3}}, 5 * 9 + 150 * 3 + 3, 100, 3, 40},
      // Six samples are more than a core's cache takes at once, so the gradient is summed over slices.
      {"cnn", mnist, {28, 28, 1, {{20, 5, 0, 2}, {50, 5, 0, 2}}, {500, 10}}, 431080, 30, 2, 6},
      {"cnn", cifar, {32, 32, 3, {{20, 5, 2, 2}, {100, 5, 2, 2}, {200, 5, 2, 2}}, {512, 256, 10}}, 2324630, 6, 2, 1},
  };
}

std::unique_ptr<Model> build(const std::string& text, const TaskShape& shape) {
  const ComponentText component = parse_component(text);
  return Registry<ModelFamily>::find(component.name, "model").create(component, 1, 0)->build(shape);
}

std::vector<float> random_numbers(std::size_t count, std::uint32_t stream, float scale = 1) {
  std::vector<float> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back(scale * Random(7, Purpose::noise, stream, 0, static_cast<std::uint32_t>(i)).normal());
  return result;
}

/// Data of W workers for one replica, on the host.
struct HostData {
  std::vector<float> inputs, targets;
  std::vector<std::int32_t> labels;

  HostData(const TaskShape& shape, int rows, std::uint32_t stream)
      : inputs(random_numbers(static_cast<std::size_t>(rows * shape.features), stream)),
        targets(random_numbers(static_cast<std::size_t>(rows), stream + 1000)) {
    for (int i = 0; i < rows; ++i) labels.push_back(shape.classes == 0 ? 0 : (i * 7 + 3) % shape.classes);
  }
};

std::vector<float> start_of(const Model& model, std::uint64_t seed) {
  std::vector<float> result(static_cast<std::size_t>(model.parameters()));
  model.initialize(seed, result.data());
  // Something to differentiate where the start is zero.
  const auto noise = random_numbers(result.size(), static_cast<std::uint32_t>(seed) + 50, 0.05f);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] += noise[i];
  return result;
}

/// What a gradient pass makes of host data: one row of d numbers per unit, and the losses.
struct GradientResult {
  std::vector<std::vector<float>> rows;
  std::vector<float> losses;
};

GradientResult gradients(Exec& exec, const Model& model, const TaskShape& shape,
                         const std::vector<std::vector<float>>& parameters, const std::vector<HostData>& data,
                         int workers, int batch, const std::vector<RoundWindow>& flips, float alpha, float beta,
                         const std::vector<std::vector<float>>& before) {
  const std::int64_t d = model.parameters();
  const auto replicas = static_cast<std::int64_t>(parameters.size());
  RowStore points(exec, replicas, d), rows(exec, replicas * workers, d);
  Array<float> losses(exec, static_cast<std::size_t>(replicas * workers));
  std::vector<Array<float>> floats;
  std::vector<Array<std::int32_t>> integers;
  GradientJob job;
  job.workers = workers, job.batch = batch, job.flips = flips, job.losses = losses.data();
  job.gradients = rows.pointers();
  for (std::int64_t r = 0; r < replicas; ++r) {
    copy_to(exec, points.row(r), parameters[r].data(), parameters[r].size() * sizeof(float));
    job.parameters.push_back(points.row(r));
    floats.emplace_back(exec, data[r].inputs);
    job.inputs.push_back(floats.back().data());
    floats.emplace_back(exec, data[r].targets);
    if (shape.classes == 0) job.targets.push_back(floats.back().data());
    integers.emplace_back(exec, data[r].labels);
    if (shape.classes != 0) job.labels.push_back(integers.back().data());
  }
  for (std::size_t u = 0; u < before.size(); ++u)
    copy_to(exec, rows.row(static_cast<std::int64_t>(u)), before[u].data(), before[u].size() * sizeof(float));
  const auto pass = model.gradient_pass(exec, job);
  pass->run(alpha, beta);
  GradientResult result;
  result.losses = losses.download();
  for (std::int64_t u = 0; u < replicas * workers; ++u) {
    result.rows.emplace_back(static_cast<std::size_t>(padded(d)));
    copy_from(exec, result.rows.back().data(), rows.row(u), result.rows.back().size() * sizeof(float));
    for (std::size_t i = static_cast<std::size_t>(d); i < result.rows.back().size(); ++i)
      REQUIRE(result.rows.back()[i] == 0);  // the padding stays zero
    result.rows.back().resize(static_cast<std::size_t>(d));
  }
  return result;
}

/// The mean loss of one worker in double precision.
double naive_loss(const ModelCase& c, const std::vector<double>& parameters, const HostData& data, int worker,
                  bool flipped) {
  double total = 0;
  for (int s = worker * c.batch; s < (worker + 1) * c.batch; ++s) {
    const auto first = data.inputs.begin() + std::int64_t{s} * c.shape.features;
    const auto y = c.naive.outputs(parameters, std::vector<double>(first, first + c.shape.features));
    const int label = flipped ? c.shape.classes - 1 - data.labels[s] : data.labels[s];
    total += c.shape.classes == 0 ? (y[0] - data.targets[s]) * (y[0] - data.targets[s])
                                  : NaiveNetwork::cross_entropy(y, label);
  }
  return total / c.batch;
}

}  // namespace

TEST_CASE("Every registered model has the gradient that finite differences give", "[models]") {
  std::set<std::string> covered;
  for (const ModelCase& c : model_cases()) {
    covered.insert(parse_component(c.text).name);
    const auto model = build(c.text, c.shape);
    REQUIRE(model->parameters() == c.parameters);
    const HostData data(c.shape, c.workers * c.batch, 1);
    const std::vector<float> start = start_of(*model, 3);
    const float alpha = 0.4f, beta = 0.7f;
    std::vector<RoundWindow> flips(static_cast<std::size_t>(c.workers), RoundWindow::none());
    if (c.shape.classes != 0) flips[1] = RoundWindow();
    std::vector<std::vector<float>> before;
    for (int w = 0; w < c.workers; ++w)
      before.push_back(random_numbers(start.size(), 20 + static_cast<std::uint32_t>(w)));

    std::vector<GradientResult> results;
    const auto backends = test_backends();
    for (const auto& exec : backends)
      results.push_back(
          gradients(*exec, *model, c.shape, {start}, {data}, c.workers, c.batch, flips, alpha, beta, before));
    for (int w = 0; w < c.workers; ++w) {
      std::vector<double> point(start.begin(), start.end());
      const double loss = naive_loss(c, point, data, w, flips[static_cast<std::size_t>(w)].holds(0));
      for (const GradientResult& result : results) CHECK(result.losses[w] == Approx(loss).epsilon(2e-5));
      for (int k = 0; k < c.checked; ++k) {
        // Coordinates all over the vector, the last bias included.
        const auto i = static_cast<std::size_t>((c.parameters - 1) * std::int64_t{k} / std::max(c.checked - 1, 1));
        const double value = point[i], step = 1e-7;
        point[i] = value + step;
        const double above = naive_loss(c, point, data, w, flips[static_cast<std::size_t>(w)].holds(0));
        point[i] = value - step;
        const double below = naive_loss(c, point, data, w, flips[static_cast<std::size_t>(w)].holds(0));
        point[i] = value;
        const double expected = beta * before[w][i] + alpha * (above - below) / (2 * step);
        INFO(c.text << ", worker " << w << ", coordinate " << i);
        for (const GradientResult& result : results)
          CHECK(result.rows[w][i] == Approx(expected).epsilon(2e-5).margin(2e-6));
      }
    }
  }
  for (const auto& entry : Registry<ModelFamily>::all()) {
    INFO(entry.name);
    CHECK(covered.count(entry.name) == 1);
  }
}

TEST_CASE("Replicas and workers in one pass get what each gets alone", "[models]") {
  for (const auto& exec : test_backends())
    for (const ModelCase& c : model_cases()) {
      if (c.parameters > 100000) continue;
      const auto model = build(c.text, c.shape);
      const std::vector<std::vector<float>> points = {start_of(*model, 1), start_of(*model, 2), start_of(*model, 3)};
      std::vector<HostData> data;
      for (std::uint32_t r = 0; r < 3; ++r) data.emplace_back(c.shape, c.workers * c.batch, 60 + r);
      const auto together = gradients(*exec, *model, c.shape, points, data, c.workers, c.batch, {}, 1, 0, {});
      for (std::size_t r = 0; r < points.size(); ++r)
        for (int w = 0; w < c.workers; ++w) {
          HostData own = data[r];
          own.inputs.erase(own.inputs.begin(), own.inputs.begin() + std::int64_t{w} * c.batch * c.shape.features);
          own.labels.erase(own.labels.begin(), own.labels.begin() + w * c.batch);
          own.targets.erase(own.targets.begin(), own.targets.begin() + w * c.batch);
          const auto alone = gradients(*exec, *model, c.shape, {points[r]}, {own}, 1, c.batch, {}, 1, 0, {});
          const auto& row = together.rows[r * static_cast<std::size_t>(c.workers) + static_cast<std::size_t>(w)];
          double worst = 0;
          for (std::size_t i = 0; i < row.size(); ++i)
            worst = std::max(worst, std::abs(double{row[i]} - alone.rows[0][i]) / (1e-3 + std::abs(row[i])));
          INFO(backend_name(*exec) << ", " << c.text << ", replica " << r << ", worker " << w);
          CHECK(worst < 1e-3);
        }
    }
}

TEST_CASE("beta = 0 does not read the rows that a gradient pass writes", "[models]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& exec : test_backends())
    for (const char* text : {"mlp(hidden=[5])", "stack(layers=conv(3,3) pool(2))"}) {
      const auto model = build(text, image_task);
      const HostData data(image_task, 4, 9);
      const auto rows =
          std::vector<std::vector<float>>(2, std::vector<float>(static_cast<std::size_t>(model->parameters()), nan));
      const auto result = gradients(*exec, *model, image_task, {start_of(*model, 1)}, {data}, 2, 2, {}, 1, 0, rows);
      for (const auto& row : result.rows)
        for (const float value : row) REQUIRE(std::isfinite(value));
    }
}

TEST_CASE("Parameters that are NaN or huge give losses that say so and no crash", "[models]") {
  for (const auto& exec : test_backends())
    for (const char* text : {"softmax", "mlp(hidden=[5])", "stack(layers=conv(3,3) pool(2))"})
      for (const float bad : {std::numeric_limits<float>::quiet_NaN(), 1e38f}) {
        const auto model = build(text, image_task);
        const std::vector<float> point(static_cast<std::size_t>(model->parameters()), bad);
        const auto result =
            gradients(*exec, *model, image_task, {point}, {HostData(image_task, 4, 9)}, 2, 2, {}, 1, 0, {});
        if (std::isnan(bad)) CHECK(std::isnan(result.losses[0]));
      }
}

TEST_CASE("Evaluation gives every replica its mean loss and share of right answers", "[models]") {
  for (const auto& exec : test_backends())
    for (const ModelCase& c : model_cases()) {
      if (c.parameters > 1000) continue;
      const auto model = build(c.text, c.shape);
      const int count = c.naive.convs.empty() ? 2500 : 70;  // more than one chunk, and no multiple of it
      const HostData data(c.shape, count, 30);
      const std::vector<std::vector<float>> points = {start_of(*model, 1), start_of(*model, 2)};
      RowStore rows(*exec, 2, model->parameters());
      for (int r = 0; r < 2; ++r) copy_to(*exec, rows.row(r), points[r].data(), points[r].size() * sizeof(float));
      const Array<float> inputs(*exec, data.inputs), targets(*exec, data.targets);
      const Array<std::int32_t> labels(*exec, data.labels);
      Features samples;
      samples.count = count, samples.features = c.shape.features, samples.values = inputs.data();
      samples.targets = c.shape.classes == 0 ? targets.data() : nullptr;
      samples.labels = c.shape.classes == 0 ? nullptr : labels.data();
      const auto pass = model->evaluation_pass(*exec, {rows.row(0), rows.row(1)}, samples);
      pass->run();
      const auto scores = pass->run();  // nothing is left over from the first time
      for (std::size_t r = 0; r < 2; ++r) {
        double loss = 0;
        int right = 0;
        for (int s = 0; s < count; ++s) {
          const auto first = data.inputs.begin() + std::int64_t{s} * c.shape.features;
          const auto y = c.naive.outputs({points[r].begin(), points[r].end()}, {first, first + c.shape.features});
          loss += c.shape.classes == 0 ? (y[0] - data.targets[s]) * (y[0] - data.targets[s])
                                       : NaiveNetwork::cross_entropy(y, data.labels[s]);
          right += std::max_element(y.begin(), y.end()) - y.begin() == data.labels[s];
        }
        INFO(backend_name(*exec) << ", " << c.text << ", replica " << r);
        CHECK(scores[r].loss == Approx(loss / count).epsilon(1e-5));
        if (c.shape.classes == 0)
          CHECK(std::isnan(scores[r].accuracy));
        else
          CHECK(std::abs(scores[r].accuracy * count - right) < 1.5);  // a near tie may fall either way
      }
    }
}

TEST_CASE("Parameters start uniform within one over the root of the fan-in, the same for the same seed", "[models]") {
  const auto model = build("mlp(hidden=[100])", mnist);
  std::vector<float> a(79510), b(79510), c(79510);
  model->initialize(5, a.data());
  model->initialize(5, b.data());
  model->initialize(6, c.data());
  CHECK(a == b);
  CHECK(a != c);
  double square = 0;
  float largest = 0;
  for (int i = 0; i < 78500; ++i) square += double{a[i]} * a[i], largest = std::max(largest, std::abs(a[i]));
  CHECK(largest <= 1 / 28.0f);
  CHECK(largest > 0.99f / 28);
  CHECK(square / 78500 == Approx(1.0 / 784 / 3).epsilon(0.02));
  for (int i = 78500; i < 79510; ++i) REQUIRE(std::abs(a[i]) <= 0.1f);

  std::vector<float> zero(5, 1.0f);
  build("linear", regression)->initialize(1, zero.data());
  CHECK(zero == std::vector<float>(5, 0.0f));
}

TEST_CASE("A model that does not fit its task is the user's error", "[models]") {
  CHECK(contains(user_error([] { build("softmax", regression); }), "softmax: needs a task with classes"));
  CHECK(contains(user_error([] { build("linear", vector_task); }), "linear: needs a regression"));
  CHECK(contains(user_error([] { build("cnn", vector_task); }), "cnn: needs images"));
  CHECK(contains(user_error([] { build("cnn(network=mnist)", image_task); }), "does not fit its input of 1 x 1"));
  CHECK(contains(user_error([] { build("stack(layers=dense(5) conv(3,3))", image_task); }), "needs an image"));
  CHECK(contains(user_error([] { build("stack(layers=dens(5))", image_task); }), "did you mean 'dense'?"));
  CHECK(contains(user_error([] { build("stack(layers=dense(5) pool(2))", image_task); }), "pool must follow a conv"));
  CHECK(contains(user_error([] { build("stack(layers=conv(3,3,3))", image_task); }), "3 is out of range 0..2"));
  CHECK(contains(user_error([] { build("stack(layers=conv(3,99999999999))", image_task); }), "too large"));
  CHECK(contains(user_error([] { build("stack(layers=conv)", image_task); }), "expected '(' after 'conv'"));
}

TEST_CASE("Samples are drawn from each worker's shard by a pure function of seed, worker, round and slot", "[models]") {
  for (const auto& exec : test_backends()) {
    const int features = 6, channels = 3, workers = 2, batch = 4;
    std::vector<std::uint8_t> bytes;
    std::vector<std::int32_t> labels;
    for (int i = 0; i < 10 * features; ++i) bytes.push_back(static_cast<std::uint8_t>(i * 3));
    for (int i = 0; i < 10; ++i) labels.push_back(i % 3);
    const std::vector<float> scale = {0.5f, 2, 1}, shift = {1, -1, 0};
    const Array<std::uint8_t> device_bytes(*exec, bytes);
    const Array<std::int32_t> device_labels(*exec, labels), first_shard(*exec, std::vector<std::int32_t>{7, 2, 5});
    const Array<std::int32_t> second_shard(*exec, std::vector<std::int32_t>{9}),
        sizes(*exec, std::vector<std::int32_t>{3, 1, 3, 1}), numbers(*exec, std::vector<std::int32_t>{0, 1, 0, 1});
    const Array<float> device_scale(*exec, scale), device_shift(*exec, shift);
    const Array<std::uint64_t> seeds(*exec, std::vector<std::uint64_t>{11, 12});
    const Array<int> round(*exec, std::vector<int>{4});
    const Array<const std::int32_t*> shards(
        *exec, {first_shard.data(), second_shard.data(), first_shard.data(), second_shard.data()});
    Array<float> in0(*exec, workers * batch * features), in1(*exec, workers * batch * features);
    Array<std::int32_t> out0(*exec, workers * batch), out1(*exec, workers * batch);
    const Array<float*> inputs(*exec, {in0.data(), in1.data()});
    const Array<std::int32_t*> outputs(*exec, {out0.data(), out1.data()});

    Features data;
    data.count = 10, data.features = features, data.channels = channels, data.bytes = device_bytes.data();
    data.scale = device_scale.data(), data.shift = device_shift.data(), data.labels = device_labels.data();
    SampleStreams streams;
    streams.streams = 2, streams.workers = workers, streams.batch = batch, streams.seeds = seeds.data();
    streams.numbers = numbers.data();
    streams.shards = shards.data(), streams.shard_sizes = sizes.data(), streams.round = round.data();

    const auto expected = [&](int sample, int j) {
      return static_cast<float>(bytes[sample * features + j]) * scale[j % 3] + shift[j % 3];
    };
    for (const auto& [whole, first] : {std::pair{false, 0}, {false, 2 * batch}, {true, 0}}) {
      streams.whole = whole, streams.first_slot = first;
      gather_samples(*exec, data, streams, inputs.data(), outputs.data(), nullptr);
      for (int stream = 0; stream < 2; ++stream) {
        const auto got = (stream == 0 ? in0 : in1).download();
        const auto got_labels = (stream == 0 ? out0 : out1).download();
        for (int w = 0; w < workers; ++w)
          for (int s = 0; s < batch; ++s) {
            const std::vector<int> shard = w == 0 ? std::vector<int>{7, 2, 5} : std::vector<int>{9};
            const auto size = static_cast<std::uint32_t>(shard.size());
            const auto pick = whole ? static_cast<std::uint32_t>(s) % size
                                    : Random(stream == 0 ? 11 : 12, Purpose::sample, static_cast<std::uint32_t>(w), 4,
                                             static_cast<std::uint32_t>(first + s))
                                          .below(size);
            const int sample = shard[pick], row = w * batch + s;
            REQUIRE(got_labels[row] == labels[sample]);
            for (int j = 0; j < features; ++j) REQUIRE(got[row * features + j] == expected(sample, j));
          }
      }
    }
    gather_range(*exec, data, 3, 5, in0.data());
    const auto range = in0.download();
    for (int i = 0; i < 5 * features; ++i) REQUIRE(range[i] == expected(3 + i / features, i % features));
  }
}
