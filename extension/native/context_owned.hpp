// C++ objects that outlive one call of the server's: they belong to a memory context and end with it.
#pragma once

#include "pg_compat.hpp"

#include <new>
#include <utility>

#include "faults.hpp"

namespace rowhouse {

/// A place for a T in a memory context. The context's reset destroys the T, after an error just as at an orderly end;
/// finish() does so earlier. T's destructor calls nothing of the server's that can report.
template <class T>
class ContextOwned {
 public:
  /// Allocates the place, empty, and registers its end: before any handle is opened. May report; owns no T yet.
  static ContextOwned* place(MemoryContext context) {
    auto* owned = static_cast<ContextOwned*>(MemoryContextAllocZero(context, sizeof(ContextOwned)));
    owned->at_reset_.func = [](void* self) { static_cast<ContextOwned*>(self)->finish(); };
    owned->at_reset_.arg = owned;
    MemoryContextRegisterResetCallback(context, &owned->at_reset_);
    return owned;
  }

  /// Constructs the T; a former one is destroyed first. May throw.
  template <class... Arguments>
  T& make(Arguments&&... arguments) {
    finish();
    T* made = new (memory_) T(std::forward<Arguments>(arguments)...);
    is_alive_ = true;
    return *made;
  }

  T* get() { return is_alive_ ? std::launder(reinterpret_cast<T*>(memory_)) : nullptr; }

  /// Destroys the T, if there is one. A throwing destructor is not let out: it runs while the server cleans up.
  void finish() noexcept {
    T* const object = get();
    is_alive_ = false;
    try {
      if (object) object->~T();
    } catch (...) {
    }
  }

 private:
  MemoryContextCallback at_reset_;
  bool is_alive_;
  alignas(T) unsigned char memory_[sizeof(T)];
};

}  // namespace rowhouse
