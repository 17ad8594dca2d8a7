#include "graph/printer.h"

#include <fmt/format.h>

namespace galago::graph {
namespace {

std::string label(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  if (value.is_constant()) return value.name.empty() ? fmt::format("@{}", id) : fmt::format("@{}", value.name);
  return value.name.empty() ? fmt::format("%{}", id) : fmt::format("%{}", value.name);
}

std::string list(const Graph& graph, const std::vector<ValueId>& ids) {
  std::string text;
  for (const ValueId id : ids) text += (text.empty() ? "" : ", ") + label(graph, id);
  return text;
}

std::string types(const Graph& graph, const std::vector<ValueId>& ids) {
  std::string text;
  for (const ValueId id : ids) text += (text.empty() ? "" : ", ") + graph.value(id).type.to_string();
  return text;
}

std::string fields(const Node& node) {
  if (node.fused() != nullptr) return "";
  if (node.copy() != nullptr) return fmt::format(" {{from={}}}", node.copy()->from);
  const std::string text = ops::fields_to_string(std::get<ops::AnyOp>(node.op));
  return text.empty() ? "" : " {" + text + "}";
}

void append_nodes(const Graph& graph, const std::string& indent, std::string& out) {
  for (const Node& node : graph.nodes) {
    std::string line = indent;
    if (!node.outputs.empty()) line += list(graph, node.outputs) + " = ";
    line += fmt::format("{}({}){}", name(node), list(graph, node.inputs), fields(node));
    if (!node.backend.empty()) line += " on " + node.backend;
    if (!node.outputs.empty()) line = fmt::format("{:<76} : {}", line, types(graph, node.outputs));
    out += line + "\n";
    if (const Fused* fused = node.fused()) append_nodes(*fused->body, indent + "    ", out);
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string out = fmt::format("graph {}(", graph.name);
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const Value& input = graph.value(graph.inputs[i]);
    out += fmt::format("{}{}: {}", i == 0 ? "" : ", ", input.name, input.type.to_string());
  }
  out += ") {\n";
  for (std::size_t i = 0; i < graph.states.size(); ++i) {
    out += fmt::format("  state {} : {}\n", i, ops::to_string(graph.states[i]));
  }
  for (ValueId id = 0; id < static_cast<ValueId>(graph.values.size()); ++id) {
    const Value& value = graph.value(id);
    if (value.layout.empty()) continue;
    out += fmt::format("  packed {} : {} as {}\n", label(graph, id), value.type.to_string(), value.layout);
  }
  append_nodes(graph, "  ", out);
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    out += fmt::format("  return {} = {} : {}\n", graph.output_names[i], label(graph, graph.outputs[i]),
                       graph.value(graph.outputs[i]).type.to_string());
  }
  return out + "}\n";
}

std::string to_dot(const Graph& graph) {
  std::string out =
      fmt::format("digraph \"{}\" {{\n  node [shape=box, fontname=\"Helvetica\"];\n", escaped(graph.name));
  for (const ValueId id : graph.inputs) {
    out += fmt::format("  v{} [shape=oval, label=\"{}\\n{}\"];\n", id, escaped(graph.value(id).name),
                       escaped(graph.value(id).type.to_string()));
  }
  const Uses uses(graph);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    std::string text(name(node));
    if (const Fused* fused = node.fused()) {
      for (const Node& part : fused->body->nodes) text += "\\n· " + std::string(name(part));
    }
    out += fmt::format("  n{} [label=\"{}\"];\n", n, text);
    for (const ValueId id : node.inputs) {
      if (graph.value(id).is_constant()) continue;
      const int from = uses.producer[static_cast<std::size_t>(id)];
      out += fmt::format("  {} -> n{} [label=\"{}\"];\n", from < 0 ? fmt::format("v{}", id) : fmt::format("n{}", from),
                         n, escaped(graph.value(id).type.shape.to_string()));
    }
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const ValueId id = graph.outputs[i];
    const int from = uses.producer[static_cast<std::size_t>(id)];
    out += fmt::format("  out{} [shape=oval, label=\"{}\"];\n", i, escaped(graph.output_names[i]));
    out += fmt::format("  {} -> out{};\n", from < 0 ? fmt::format("v{}", id) : fmt::format("n{}", from), i);
  }
  return out + "}\n";
}

}  // namespace galago::graph
