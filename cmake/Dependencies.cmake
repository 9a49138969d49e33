# Everything the project links, all of it from Debian's packages (scripts/packages lists them).
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(absl CONFIG REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)

# ISA-L ships a pkg-config file only.
find_package(PkgConfig REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)

if(NOT SHOAL_CORE_ONLY)
  find_package(gRPC CONFIG REQUIRED)
endif()
# Debian's own, whatever comes first in the PATH: it is the one that Debian's gRPC modules are for.
find_program(SHOAL_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
if(SHOAL_BUILD_TESTS OR SHOAL_BUILD_BENCHMARKS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# Asio and Beast are headers only; the coroutine and thread settings are the same everywhere.
add_library(shoal_asio INTERFACE)
target_link_libraries(shoal_asio INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(shoal_asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_ARRAY)
