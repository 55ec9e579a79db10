#include "rowhouse/unit_of_work.hpp"

#include "lease.hpp"

namespace rowhouse {

UnitOfWork::UnitOfWork(DatabaseManager manager, std::optional<std::string> tenant)
    : manager_(std::move(manager)), tenant_(std::move(tenant)), writes_(std::make_shared<detail::Writes>()) {
  if (tenant_) detail::check_tenant(*tenant_);
}

UnitOfWork::UnitOfWork(DatabaseManager manager, LoginToken login) : UnitOfWork(std::move(manager), login.tenant()) {
  login_ = std::move(login);
}

Session UnitOfWork::session() { return manager_.lend({.tenant = tenant_, .login = login_}, {}, writes_); }

Session UnitOfWork::read_session() { return manager_.lend_reader({.tenant = tenant_, .login = login_}, writes_); }

}  // namespace rowhouse
