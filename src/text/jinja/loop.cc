#include "base/try.h"
#include "text/jinja/native.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

LoopObject::LoopObject(Budget& budget, Value iterable, Ref<IteratorObject> iterator, std::int64_t depth)
    : Object(budget, sizeof(*this)), iterable_(std::move(iterable)), iterator_(std::move(iterator)), level_(depth) {
  set_depth(std::max(iterable_.depth(), iterator_->depth()) + 1);
}

void LoopObject::clear() {
  before_ = current_ = after_ = last_changed_ = Value();
  closure = Ref<Frame>();
}

Result<Value> LoopObject::advance(Runtime& runtime) {
  Value item = std::exchange(after_, Value());
  if (item.is_missing()) {
    GALAGO_TRY(item, iterator_->next(runtime));
  }
  if (item.is_missing()) return item;
  ++index0_;
  before_ = std::exchange(current_, item);
  return item;
}

Result<Value> LoopObject::peek(Runtime& runtime) {
  if (after_.is_missing()) {
    GALAGO_TRY(after_, iterator_->next(runtime));
  }
  return after_;
}

Result<std::int64_t> LoopObject::length(Runtime& runtime) {
  if (length_ >= 0) return length_;
  if (has_length(iterable_)) {
    GALAGO_TRY(length_, jinja::length(runtime, iterable_));
    return length_;
  }
  std::vector<Value> rest;
  while (true) {
    GALAGO_CHECK(runtime.step());
    GALAGO_TRY(Value item, iterator_->next(runtime));
    if (item.is_missing()) break;
    rest.push_back(std::move(item));
  }
  length_ = static_cast<std::int64_t>(rest.size()) + index0_ + 1 + (after_.is_missing() ? 0 : 1);
  iterator_ = Ref<IteratorObject>(&iterator_over(runtime, std::move(rest)).iterator());
  return length_;
}

Result<Value> LoopObject::cycle(Runtime& runtime, const Arguments& arguments) const {
  if (!arguments.keyword.empty()) return runtime.fail("loop.cycle() takes no keyword arguments");
  if (arguments.positional.empty()) return runtime.fail("no items for cycling given");
  const auto count = static_cast<std::int64_t>(arguments.positional.size());
  return arguments.positional[static_cast<std::size_t>(((index0_ % count) + count) % count)];
}

Value LoopObject::changed(Runtime& runtime, Arguments& arguments) {
  Value now = runtime.tuple(std::move(arguments.positional));
  if (!last_changed_.is_missing() && equal(last_changed_, now)) return Value::boolean(false);
  last_changed_ = std::move(now);
  return Value::boolean(true);
}

Result<Value> LoopObject::attribute(Runtime& runtime, std::string_view name) {
  if (name == "index0") return Value::integer(index0_);
  if (name == "index") return Value::integer(index0_ + 1);
  if (name == "first") return Value::boolean(index0_ == 0);
  if (name == "depth") return Value::integer(level_ + 1);
  if (name == "depth0") return Value::integer(level_);
  if (name == "length" || name == "revindex" || name == "revindex0") {
    GALAGO_TRY(const std::int64_t count, length(runtime));
    return Value::integer(name == "length" ? count : name == "revindex" ? count - index0_ : count - index0_ - 1);
  }
  if (name == "last" || name == "nextitem") {
    GALAGO_TRY(const Value next, peek(runtime));
    if (name == "last") return Value::boolean(next.is_missing());
    return next.is_missing() ? runtime.undefined("there is no next item") : next;
  }
  if (name == "previtem") return index0_ == 0 ? runtime.undefined("there is no previous item") : before_;
  if (name == "cycle" || name == "changed") {
    const Value self = Value::object(Kind::kLoop, this);
    if (name == "cycle") {
      return bind_native(runtime, self, [](Runtime& rt, const Value& loop, Arguments& arguments) {
        return loop.loop().cycle(rt, arguments);
      });
    }
    return bind_native(runtime, self, [](Runtime& rt, const Value& loop, Arguments& arguments) -> Result<Value> {
      if (!arguments.keyword.empty()) return rt.fail("loop.changed() takes no keyword arguments");
      return loop.loop().changed(rt, arguments);
    });
  }
  return Value();
}

CyclerObject::CyclerObject(Budget& budget, std::vector<Value> values)
    : Object(budget, static_cast<std::int64_t>(sizeof(*this) + values.size() * sizeof(Value))),
      items(std::move(values)) {
  int deepest = 0;
  for (const Value& item : items) deepest = std::max(deepest, item.depth());
  set_depth(deepest + 1);
}

}  // namespace galago::text::jinja
