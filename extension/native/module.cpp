// What the server sees of the module first.
#include "pg_compat.hpp"

#include "faults.hpp"

extern "C" {
ROWHOUSE_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) { rowhouse::define_fault_setting(); }
}
