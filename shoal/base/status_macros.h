#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Leaves the function with the error, if there is one.
#define SHOAL_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                        \
    if (absl::Status shoal_status_ = (expression); !shoal_status_.ok()) return shoal_status_; \
  } while (false)

// SHOAL_ASSIGN_OR_RETURN(auto manifest, Manifest::Decode(bytes)): the value, or out of the function with the
// error.
#define SHOAL_ASSIGN_OR_RETURN(declaration, expression) \
  SHOAL_ASSIGN_OR_RETURN_(SHOAL_CONCAT_(shoal_statusor_, __LINE__), declaration, expression)
#define SHOAL_ASSIGN_OR_RETURN_(temporary, declaration, expression) \
  auto temporary = (expression);                                    \
  if (!temporary.ok()) return std::move(temporary).status();        \
  declaration = *std::move(temporary)
#define SHOAL_CONCAT_(a, b) SHOAL_CONCAT_INNER_(a, b)
#define SHOAL_CONCAT_INNER_(a, b) a##b
