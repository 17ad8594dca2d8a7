// What a fused node is, as a struct that lowering reads.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "base/function_ref.h"

namespace galago::graph {

using ValueId = int;  // index into Graph::values

inline constexpr ValueId kNoValue = -1;

// Holds one of the structs that patterns give (patterns.h has those that backends share). Each has
//   static constexpr std::string_view kName      what the fused node is called
//   template <class F> void for_each_value(F visit)   calls visit(ValueId&) for all of its values
// Its values are those of the graph that the fused node stands in; what lies inside the node is kNoValue.
class Match {
 public:
  Match() = default;
  template <class Struct>
  explicit Match(Struct matched) : held_(std::make_shared<const Held<Struct>>(std::move(matched))) {}

  explicit operator bool() const { return held_ != nullptr; }
  std::string_view name() const { return held_ == nullptr ? "" : held_->name(); }
  // nullptr when it is another struct.
  template <class Struct>
  const Struct* as() const {
    const auto* held = dynamic_cast<const Held<Struct>*>(held_.get());
    return held == nullptr ? nullptr : &held->matched;
  }
  // The same with other ids for its values; those that there are none of stay so.
  Match renumbered(FunctionRef<ValueId(ValueId)> number) const {
    return held_ == nullptr ? Match() : held_->renumbered(number);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::string_view name() const = 0;
    virtual Match renumbered(FunctionRef<ValueId(ValueId)> number) const = 0;
  };
  template <class Struct>
  struct Held : Base {
    explicit Held(Struct given) : matched(std::move(given)) {}
    std::string_view name() const override { return Struct::kName; }
    Match renumbered(FunctionRef<ValueId(ValueId)> number) const override {
      Struct copy = matched;
      copy.for_each_value([&](ValueId& id) {
        if (id != kNoValue) id = number(id);
      });
      return Match(std::move(copy));
    }
    Struct matched;
  };
  std::shared_ptr<const Base> held_;
};

}  // namespace galago::graph
