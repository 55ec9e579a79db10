#include "rowhouse/async/unit_of_work.hpp"

#include "unit_of_work_methods.hpp"

namespace rowhouse {

template class BasicUnitOfWork<detail::Awaiting>;

}  // namespace rowhouse
