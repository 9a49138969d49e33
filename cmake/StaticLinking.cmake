# SHOAL_STATIC: links the programs against static libraries.
#
# Debian's CMake files name shared libraries only, though an archive lies beside most of them. Here each imported target
# is pointed at its archive, so that the folders' CMakeLists.txt name the same targets in both kinds of build. What has no
# archive in Debian (spdlog, fmt, ISA-L, prometheus-cpp) stays shared, and so does libc, whose look-up of names and of
# character sets is made of shared files anyway. docker/image_root.sh collects these few for the images.

get_property(shoal_imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS shoal_imported)
  get_target_property(type ${target} TYPE)
  if(NOT type MATCHES "^(SHARED|UNKNOWN)_LIBRARY$")
    continue()
  endif()
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  if(NOT configurations)
    set(configurations)
  endif()
  foreach(suffix IN ITEMS "" LISTS configurations)
    if(suffix)
      string(PREPEND suffix "_")
    endif()
    get_target_property(location ${target} IMPORTED_LOCATION${suffix})
    if(NOT location)
      continue()
    endif()
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${location}")
    if(NOT archive STREQUAL location AND EXISTS ${archive})
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION${suffix} ${archive} IMPORTED_SONAME${suffix} "")
    endif()
  endforeach()
endforeach()

# The archives depend on one another in cycles, which a linker that reads them once, in order, does not resolve.
set(CMAKE_CXX_LINK_EXECUTABLE
  "<CMAKE_CXX_COMPILER> <FLAGS> <CMAKE_CXX_LINK_FLAGS> <LINK_FLAGS> <OBJECTS> -o <TARGET> -Wl,--start-group <LINK_LIBRARIES> -Wl,--end-group")
add_link_options(-Wl,--gc-sections)
