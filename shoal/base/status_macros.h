#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Both macros return from the enclosing function, which therefore must return absl::Status or absl::StatusOr.
// They evaluate `expression` once and pass its error on unchanged: a caller that can add what failed (a path,
// an address) checks the status itself. In a coroutine they do not compile, because it needs co_return.

// Returns the error of `expression`, an absl::Status, if there is one:
//   SHOAL_RETURN_IF_ERROR(WriteAt(file.get(), bytes, 0));
#define SHOAL_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                        \
    if (absl::Status shoal_status_ = (expression); !shoal_status_.ok()) return shoal_status_; \
  } while (false)

// Assigns the value of `expression`, an absl::StatusOr, to `declaration`, or returns its error:
//   SHOAL_ASSIGN_OR_RETURN(auto manifest, Manifest::Decode(bytes));
// `declaration` may also name a variable that exists. The macro is several statements: it needs braces below
// an `if` or a loop. A `declaration` with a comma outside of parentheses needs a type alias.
#define SHOAL_ASSIGN_OR_RETURN(declaration, expression) \
  SHOAL_ASSIGN_OR_RETURN_(SHOAL_CONCAT_(shoal_statusor_, __LINE__), declaration, expression)
#define SHOAL_ASSIGN_OR_RETURN_(temporary, declaration, expression) \
  auto temporary = (expression);                                    \
  if (!temporary.ok()) return std::move(temporary).status();        \
  declaration = *std::move(temporary)
#define SHOAL_CONCAT_(a, b) SHOAL_CONCAT_INNER_(a, b)
#define SHOAL_CONCAT_INNER_(a, b) a##b
