# What the compiler and the linker can do against errors of memory, in the programs that are shipped: canaries before return
# addresses, bounds of known objects checked in libc's functions, a stack that can't jump over its guard page, code at a random
# address, marks where jumps may go (enforced only where all of a program has them, which Debian's static libraries do not),
# and tables of functions that can't be written to after the start.
# tests/e2e/package_test.py checks them in the package.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  return()
endif()

# -fPIE, not CMake's -fPIC: calls between the libraries of one program stay direct.
add_compile_options(-fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  add_compile_options(-mbranch-protection=standard)
endif()
add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
