-- rowhouse_native 0.1.0 to 0.2.0: the module is another, its SQL is the same.
\echo Use "ALTER EXTENSION rowhouse_native UPDATE" to load this file. \quit
