// The asynchronous library.
#include "../both_ways.hpp"
#include "run.hpp"

int main(int count, char** arguments) { return conformance::run<Awaiting>(count, arguments); }
