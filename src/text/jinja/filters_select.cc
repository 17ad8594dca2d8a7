// map, select, reject, selectattr and rejectattr: generators, which look at an element only when it is asked for.
#include "base/try.h"
#include "text/jinja/filters.h"

namespace galago::text::jinja {

namespace {

// Arguments are kept by value: the generator may outlive the expression.
class MapIterator : public IteratorObject {
 public:
  MapIterator(Budget& budget, Value source, Arguments arguments)
      : IteratorObject(budget, sizeof(*this)), source_(std::move(source)), arguments_(std::move(arguments)) {
    set_depth(source_.depth() + 1);
  }
  Result<Value> next(Runtime& runtime) override {
    if (!started_) {
      started_ = true;
      GALAGO_TRY(const bool any, truth(runtime, source_));
      if (!any) return Value();
      GALAGO_CHECK(prepare(runtime));
      GALAGO_TRY(iterator_, iterate(runtime, source_));
    }
    if (!iterator_) return Value();
    GALAGO_CHECK(runtime.step());
    const Runtime::Depth depth(runtime);
    GALAGO_CHECK(runtime.check_depth());
    GALAGO_TRY(const Value item, iterator_->next(runtime));
    if (item.is_missing()) return item;
    if (by_attribute_) return path_.get(runtime, item, fallback_);
    Arguments call = arguments_;
    return runtime.call_filter(name_, item, call);
  }

 private:
  Status prepare(Runtime& runtime) {
    auto& keyword = arguments_.keyword;
    if (arguments_.positional.empty()) {
      for (const auto& [name, value] : keyword) by_attribute_ = by_attribute_ || name == "attribute";
      if (!by_attribute_) return runtime.fail("map requires a filter argument");
      for (const auto& [name, value] : keyword) {
        if (name == "attribute") {
          GALAGO_TRY(path_, AttributePath::parse(runtime, value));
        } else if (name == "default") {
          fallback_ = value;
        } else {
          return runtime.fail("unexpected keyword argument '{}'", name);
        }
      }
      return {};
    }
    const Value name = arguments_.positional.front();
    arguments_.positional.erase(arguments_.positional.begin());
    if (!name.is_string()) return runtime.fail("no filter named '{}'", type_name(name));
    name_ = name.text();
    return {};
  }

  Value source_;
  Arguments arguments_;
  Ref<IteratorObject> iterator_;
  AttributePath path_;
  Value fallback_;
  std::string name_;
  bool by_attribute_ = false;
  bool started_ = false;
};

class SelectIterator : public IteratorObject {
 public:
  SelectIterator(Budget& budget, Value source, Arguments arguments, bool wanted, bool by_attribute)
      : IteratorObject(budget, sizeof(*this)),
        source_(std::move(source)),
        arguments_(std::move(arguments)),
        wanted_(wanted),
        by_attribute_(by_attribute) {
    set_depth(source_.depth() + 1);
  }
  Result<Value> next(Runtime& runtime) override {
    if (!started_) {
      started_ = true;
      GALAGO_TRY(const bool any, truth(runtime, source_));
      if (!any) return Value();
      GALAGO_CHECK(prepare(runtime));
      GALAGO_TRY(iterator_, iterate(runtime, source_));
    }
    if (!iterator_) return Value();
    const Runtime::Depth depth(runtime);
    GALAGO_CHECK(runtime.check_depth());
    while (true) {
      GALAGO_CHECK(runtime.step());
      GALAGO_TRY(Value item, iterator_->next(runtime));
      if (item.is_missing()) return item;
      GALAGO_TRY(const bool passes, holds(runtime, item));
      if (passes == wanted_) return item;
    }
  }

 private:
  Status prepare(Runtime& runtime) {
    auto& positional = arguments_.positional;
    if (by_attribute_) {
      if (positional.empty()) return runtime.fail("missing parameter for attribute name");
      GALAGO_TRY(path_, AttributePath::parse(runtime, positional.front()));
      positional.erase(positional.begin());
    }
    if (positional.empty()) return {};
    if (!positional.front().is_string()) return runtime.fail("no test named '{}'", type_name(positional.front()));
    name_ = positional.front().text();
    has_test_ = true;
    positional.erase(positional.begin());
    return {};
  }

  Result<bool> holds(Runtime& runtime, const Value& item) {
    Value value = item;
    if (by_attribute_) {
      GALAGO_TRY(value, path_.get(runtime, item));
    }
    if (!has_test_) return truth(runtime, value);
    Arguments call = arguments_;
    return runtime.call_test(name_, value, call);
  }

  Value source_;
  Arguments arguments_;
  bool wanted_;
  bool by_attribute_;
  Ref<IteratorObject> iterator_;
  AttributePath path_;
  std::string name_;
  bool has_test_ = false;
  bool started_ = false;
};

Result<Value> map(Runtime& runtime, const Value& value, Arguments& arguments) {
  return Value::object(Kind::kIterator, runtime.make_ref<MapIterator>(value, std::move(arguments)).get());
}

template <bool wanted, bool by_attribute>
Result<Value> select(Runtime& runtime, const Value& value, Arguments& arguments) {
  return Value::object(Kind::kIterator,
                       runtime.make_ref<SelectIterator>(value, std::move(arguments), wanted, by_attribute).get());
}

constexpr FilterSpec kSelectFilters[] = {
    {.name = "map", .raw = map},
    {.name = "select", .raw = select<true, false>},
    {.name = "reject", .raw = select<false, false>},
    {.name = "selectattr", .raw = select<true, true>},
    {.name = "rejectattr", .raw = select<false, true>},
};

}  // namespace

std::span<const FilterSpec> select_filters() { return kSelectFilters; }

}  // namespace galago::text::jinja
