#include "unit_of_work_methods.hpp"

namespace rowhouse {

template class BasicUnitOfWork<detail::Blocking>;

}  // namespace rowhouse
