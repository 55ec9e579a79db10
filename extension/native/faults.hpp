// Exceptions on demand, at every entry from the server: compiled into a module of its own for the tests (make faults).
#pragma once

namespace rowhouse {

#ifdef ROWHOUSE_FAULTS
/// Makes the setting rowhouse.fault: "POINT KIND", where KIND is exception, memory or number.
void define_fault_setting();
/// Throws std::runtime_error, std::bad_alloc or an int when the setting names `point`.
void inject_fault(const char* point);
#else
inline void define_fault_setting() {}
inline void inject_fault(const char*) {}
#endif

}  // namespace rowhouse
