// Callables written here: bound methods and global functions.
#pragma once

#include "text/jinja/objects.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

using NativeFunction = Result<Value> (*)(Runtime& runtime, const Value& self, Arguments& arguments);

class Native : public CallableObject {
 public:
  Native(Budget& budget, Value self, NativeFunction function)
      : CallableObject(budget, sizeof(*this)), self_(std::move(self)), function_(function) {
    set_depth(self_.depth() + 1);
  }
  Result<Value> call(Runtime& runtime, Arguments& arguments) const override {
    return function_(runtime, self_, arguments);
  }

 private:
  Value self_;
  NativeFunction function_;
};

inline Value bind_native(Runtime& runtime, const Value& self, NativeFunction function) {
  return runtime.make<Native>(Kind::kCallable, self, function);
}

}  // namespace galago::text::jinja
