#pragma once

#include "connection.hpp"
#include "rowhouse/unit_of_work.hpp"
#include "writes.hpp"

// The methods of both units of work, blocking and asynchronous; each library instantiates its own.
namespace rowhouse {

template <class Way>
BasicUnitOfWork<Way>::BasicUnitOfWork(Manager manager, std::optional<std::string> tenant)
    : manager_(std::move(manager)), tenant_(std::move(tenant)), writes_(std::make_shared<detail::Writes>()) {
  if (tenant_) detail::check_tenant(*tenant_);
}

template <class Way>
BasicUnitOfWork<Way>::BasicUnitOfWork(Manager manager, LoginToken login)
    : BasicUnitOfWork(std::move(manager), login.tenant()) {
  login_ = std::move(login);
}

template <class Way>
auto BasicUnitOfWork<Way>::session() -> Answer<Session> {
  return manager_.lend({.tenant = tenant_, .login = login_}, {}, writes_);
}

template <class Way>
auto BasicUnitOfWork<Way>::read_session() -> Answer<Session> {
  return manager_.lend_reader({.tenant = tenant_, .login = login_}, writes_);
}

}  // namespace rowhouse
