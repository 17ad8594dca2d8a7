// Filters of lists, dicts and other sequences.
#include "base/try.h"
#include "text/jinja/filters.h"

namespace galago::text::jinja {

namespace {

using Span = std::span<Value>;
using Answer = Result<Value>;

Answer attr(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const std::string name, text_argument(runtime, arguments[0], "", "attribute name"));
  return get_attribute_only(runtime, value, name);
}

Answer defaulted(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const bool boolean, flag(runtime, arguments[1], false));
  bool replace = value.is_undefined();
  if (!replace && boolean) {
    GALAGO_TRY(const bool holds, truth(runtime, value));
    replace = !holds;
  }
  if (!replace) return value;
  return arguments[0].is_missing() ? runtime.string("") : arguments[0];
}

Answer length_of(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(const std::int64_t count, length(runtime, value));
  return Value::integer(count);
}

Answer first(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(const auto iterator, iterate(runtime, value));
  GALAGO_TRY(Value item, iterator->next(runtime));
  if (item.is_missing()) return runtime.undefined("No first item, sequence was empty.");
  return item;
}

Answer last(Runtime& runtime, const Value& value, Span) {
  if (value.is_sequence() && !value.items().empty()) return value.items().back();
  GALAGO_TRY(const Value backwards, reversed(runtime, value));
  GALAGO_TRY(Value item, backwards.iterator().next(runtime));
  if (item.is_missing()) return runtime.undefined("No last item, sequence was empty.");
  return item;
}

Answer list_of(Runtime& runtime, const Value& value, Span) {
  GALAGO_TRY(auto items, to_vector(runtime, value));
  return runtime.list(std::move(items));
}

Answer items_of(Runtime& runtime, const Value& value, Span) {
  return defer(runtime, value, [value](Runtime& rt) -> Result<std::vector<Value>> {
    if (value.is_undefined()) return std::vector<Value>();
    if (!value.is(Kind::kDict)) return rt.fail("can only get item pairs from a mapping");
    return to_vector(rt, rt.make<ViewObject>(Kind::kView, value, ViewObject::Part::kItems));
  });
}

Answer reverse(Runtime& runtime, const Value& value, Span) {
  if (value.is_string()) {
    return get_slice(runtime, value, {Value::none(), Value::none(), Value::integer(-1)});
  }
  if (value.is(Kind::kIterator)) {
    GALAGO_TRY(auto items, to_vector(runtime, value));
    return runtime.list({items.rbegin(), items.rend()});
  }
  return reversed(runtime, value);
}

Answer join(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const AttributePath path, AttributePath::parse(runtime, arguments[1]));
  std::string separator;
  if (!arguments[0].is_missing()) {
    GALAGO_TRY(separator, to_str(runtime, arguments[0]));
  }
  GALAGO_TRY(const auto iterator, iterate(runtime, value));
  std::string out;
  for (bool is_first = true;; is_first = false) {
    GALAGO_CHECK(runtime.step());
    GALAGO_TRY(const Value item, iterator->next(runtime));
    if (item.is_missing()) break;
    if (!is_first) out += separator;
    GALAGO_TRY(const Value part, path.get(runtime, item));
    const std::size_t before = out.size();
    GALAGO_CHECK(append_str(runtime, part, out));
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(out.size() - before) / 64));
    if (static_cast<std::int64_t>(out.size()) > runtime.budget().max_string) {
      return runtime.limit("join makes a text longer than the limit of {} bytes", runtime.budget().max_string);
    }
  }
  return runtime.string(std::move(out));
}

template <bool largest>
Answer extreme(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const bool case_sensitive, flag(runtime, arguments[0], false));
  GALAGO_TRY(const AttributePath path, AttributePath::parse(runtime, arguments[1]));
  GALAGO_TRY(const auto items, to_vector(runtime, value));
  if (items.empty()) return runtime.undefined("No aggregated item, sequence was empty.");
  Value best;
  Value best_key;
  for (const Value& item : items) {
    GALAGO_TRY(const Value raw, path.get(runtime, item));
    Value key = fold_case(runtime, raw, case_sensitive);
    bool better = best.is_missing();
    if (!better) {
      GALAGO_TRY(better, compare(runtime, largest ? CompareOp::kGreater : CompareOp::kLess, key, best_key));
    }
    if (!better) continue;
    best = item;
    best_key = std::move(key);
  }
  return best;
}

Answer sum(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const AttributePath path, AttributePath::parse(runtime, arguments[0]));
  Value total = arguments[1].is_missing() ? Value::integer(0) : arguments[1];
  if (total.is_string()) return runtime.fail("sum() can't sum strings [use ''.join(seq) instead]");
  GALAGO_TRY(const auto items, to_vector(runtime, value));
  for (const Value& item : items) {
    GALAGO_TRY(const Value part, path.get(runtime, item));
    GALAGO_TRY(total, add(runtime, total, part));
  }
  return total;
}

Answer batch(Runtime& runtime, const Value& value, Span arguments) {
  const Value count = arguments[0];
  const Value fill = arguments[1];
  return defer(runtime, value, [value, count, fill](Runtime& rt) -> Result<std::vector<Value>> {
    GALAGO_TRY(const auto items, to_vector(rt, value));
    std::vector<Value> batches;
    std::vector<Value> row;
    const auto row_is_full = [&] { return equal(Value::integer(static_cast<std::int64_t>(row.size())), count); };
    for (const Value& item : items) {
      if (row_is_full()) {
        batches.push_back(rt.list(std::move(row)));
        row.clear();
      }
      row.push_back(item);
    }
    if (row.empty()) return batches;
    if (!fill.is_missing() && !fill.is_none()) {
      GALAGO_TRY(const std::int64_t wanted, expect_int(rt, count, "linecount"));
      const std::int64_t missing = wanted - static_cast<std::int64_t>(row.size());
      GALAGO_CHECK(rt.step(std::max<std::int64_t>(missing, 0)));
      for (std::int64_t i = 0; i < missing; ++i) row.push_back(fill);
    }
    batches.push_back(rt.list(std::move(row)));
    return batches;
  });
}

Answer slice(Runtime& runtime, const Value& value, Span arguments) {
  const Value count = arguments[0];
  const Value fill = arguments[1];
  return defer(runtime, value, [value, count, fill](Runtime& rt) -> Result<std::vector<Value>> {
    GALAGO_TRY(const auto items, to_vector(rt, value));
    GALAGO_TRY(const std::int64_t slices, expect_int(rt, count, "slices"));
    if (slices == 0) return rt.fail("integer division or modulo by zero");
    std::vector<Value> rows;
    if (slices < 0) return rows;
    GALAGO_CHECK(rt.step(slices));
    const std::size_t each = items.size() / static_cast<std::size_t>(slices);
    const std::size_t longer = items.size() % static_cast<std::size_t>(slices);
    std::size_t at = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(slices); ++i) {
      const std::size_t end = at + each + (i < longer ? 1 : 0);
      std::vector<Value> row(items.begin() + static_cast<std::ptrdiff_t>(at),
                             items.begin() + static_cast<std::ptrdiff_t>(end));
      if (!fill.is_missing() && !fill.is_none() && i >= longer) row.push_back(fill);
      rows.push_back(rt.list(std::move(row)));
      at = end;
    }
    return rows;
  });
}

// The keys of sort: one list per element, of what each of the comma-separated attributes gives.
Result<std::vector<Value>> sort_keys(Runtime& runtime, const std::vector<Value>& items, const Value& attribute,
                                     bool case_sensitive) {
  std::vector<AttributePath> paths;
  std::string_view rest = attribute.is_string() ? std::string_view(attribute.text()) : std::string_view();
  while (attribute.is_string()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    GALAGO_TRY(auto path, AttributePath::parse(runtime, runtime.string(std::string(rest.substr(0, comma)))));
    paths.push_back(std::move(path));
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
  if (paths.empty()) {
    GALAGO_TRY(auto path, AttributePath::parse(runtime, attribute));
    paths.push_back(std::move(path));
  }
  std::vector<Value> keys;
  for (const Value& item : items) {
    std::vector<Value> key;
    for (const AttributePath& path : paths) {
      GALAGO_TRY(const Value part, path.get(runtime, item));
      key.push_back(fold_case(runtime, part, case_sensitive));
    }
    keys.push_back(runtime.list(std::move(key)));
  }
  return keys;
}

Answer sort(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const bool backwards, flag(runtime, arguments[0], false));
  GALAGO_TRY(const bool case_sensitive, flag(runtime, arguments[1], false));
  GALAGO_TRY(auto items, to_vector(runtime, value));
  GALAGO_TRY(auto keys, sort_keys(runtime, items, arguments[2], case_sensitive));
  GALAGO_TRY(auto sorted, sort_values(runtime, std::move(items), std::move(keys), backwards));
  return runtime.list(std::move(sorted));
}

Answer dictsort(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const bool case_sensitive, flag(runtime, arguments[0], false));
  GALAGO_TRY(const std::string by, text_argument(runtime, arguments[1], "key", "by"));
  GALAGO_TRY(const bool backwards, flag(runtime, arguments[2], false));
  if (by != "key" && by != "value") return runtime.fail("you can only sort by either 'key' or 'value'");
  if (!value.is(Kind::kDict)) {
    return runtime.fail("dictsort needs a mapping, not '{}'", type_name(value));
  }
  std::vector<Value> items;
  std::vector<Value> keys;
  for (const auto& [key, item] : value.dict().entries()) {
    items.push_back(runtime.tuple({key, item}));
    keys.push_back(fold_case(runtime, by == "key" ? key : item, case_sensitive));
  }
  GALAGO_TRY(auto sorted, sort_values(runtime, std::move(items), std::move(keys), backwards));
  return runtime.list(std::move(sorted));
}

Answer unique(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const bool case_sensitive, flag(runtime, arguments[0], false));
  const Value attribute = arguments[1];
  return defer(runtime, value, [value, attribute, case_sensitive](Runtime& rt) -> Result<std::vector<Value>> {
    GALAGO_TRY(const AttributePath path, AttributePath::parse(rt, attribute));
    GALAGO_TRY(const auto items, to_vector(rt, value));
    auto seen = rt.make_ref<DictObject>();
    std::vector<Value> kept;
    for (const Value& item : items) {
      GALAGO_TRY(const Value raw, path.get(rt, item));
      const Value key = fold_case(rt, raw, case_sensitive);
      GALAGO_CHECK(rt.step());
      GALAGO_CHECK(check_hashable(rt, key));
      if (seen->find(key) != nullptr) continue;
      seen->insert(key, Value::none());
      kept.push_back(item);
    }
    return kept;
  });
}

Answer groupby(Runtime& runtime, const Value& value, Span arguments) {
  GALAGO_TRY(const AttributePath path, AttributePath::parse(runtime, arguments[0]));
  GALAGO_TRY(const bool case_sensitive, flag(runtime, arguments[2], false));
  GALAGO_TRY(auto items, to_vector(runtime, value));
  std::vector<Value> keys;
  for (const Value& item : items) {
    GALAGO_TRY(const Value raw, path.get(runtime, item, arguments[1]));
    keys.push_back(fold_case(runtime, raw, case_sensitive));
  }
  GALAGO_TRY(const auto sorted, sort_values(runtime, std::move(items), std::move(keys), false));
  std::vector<Value> groups;
  std::vector<Value> members;
  Value group_key;
  const auto finish = [&]() -> Status {
    if (members.empty()) return {};
    // The group's name is the first member's own, not its lower-case form.
    GALAGO_TRY(const Value name, path.get(runtime, members[0], arguments[1]));
    std::vector<Value> pair{case_sensitive ? group_key : name, runtime.list(std::move(members))};
    groups.push_back(runtime.make<SequenceObject>(Kind::kTuple, std::move(pair), true));
    members.clear();
    return {};
  };
  for (const Value& item : sorted) {
    GALAGO_TRY(const Value raw, path.get(runtime, item, arguments[1]));
    Value key = fold_case(runtime, raw, case_sensitive);
    if (!members.empty() && !equal(key, group_key)) GALAGO_CHECK(finish());
    if (members.empty()) group_key = std::move(key);
    members.push_back(item);
  }
  GALAGO_CHECK(finish());
  return runtime.list(std::move(groups));
}

Answer refuse_random(Runtime& runtime, const Value&, Span) {
  return runtime.unsupported("the filter 'random' is not supported: a prompt must not depend on chance");
}

constexpr FilterSpec kSequenceFilters[] = {
    {"attr", attr, "name", 1},
    {"batch", batch, "linecount fill_with", 1},
    {"count", length_of},
    {"d", defaulted, "default_value boolean"},
    {"default", defaulted, "default_value boolean"},
    {"dictsort", dictsort, "case_sensitive by reverse"},
    {"first", first},
    {"groupby", groupby, "attribute default case_sensitive", 1},
    {"items", items_of},
    {"join", join, "d attribute"},
    {"last", last},
    {"length", length_of},
    {"list", list_of},
    {"max", extreme<true>, "case_sensitive attribute"},
    {"min", extreme<false>, "case_sensitive attribute"},
    {"random", refuse_random},
    {"reverse", reverse},
    {"slice", slice, "slices fill_with", 1},
    {"sort", sort, "reverse case_sensitive attribute"},
    {"sum", sum, "attribute start"},
    {"unique", unique, "case_sensitive attribute"},
};

}  // namespace

std::span<const FilterSpec> sequence_filters() { return kSequenceFilters; }

}  // namespace galago::text::jinja
