# SPDX-License-Identifier: Apache-2.0
# libtenon.so, which exports tn_* alone, and what `cmake --install` puts where: the driver, both
# libraries, the header, a pkg-config file and a CMake package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(tenon_shared SHARED ${objects})
set_target_properties(tenon_shared PROPERTIES OUTPUT_NAME tenon LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(tenon_shared PRIVATE ${TENON_LLVM_LIBRARIES} Threads::Threads m dl)
target_link_options(tenon_shared PRIVATE
  -Wl,--version-script=${CMAKE_SOURCE_DIR}/tools/cmake/exports.map)
if(NOT CMAKE_C_FLAGS MATCHES "-fsanitize") # a sanitizer's symbols are the program's
  target_link_options(tenon_shared PRIVATE -Wl,--no-undefined)
endif()
set_property(TARGET tenon_shared APPEND PROPERTY LINK_DEPENDS ${CMAKE_SOURCE_DIR}/tools/cmake/exports.map)

install(TARGETS tenon tenon_static tenon_shared RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/tenon.h include/tenon_model.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# The package may be installed elsewhere (--prefix): paths are relative to the file.
file(RELATIVE_PATH TENON_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(tools/cmake/tenon.pc.in tenon.pc @ONLY)
configure_package_config_file(tools/cmake/tenonConfig.cmake.in tenonConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tenon)
write_basic_package_version_file(tenonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/tenon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${CMAKE_BINARY_DIR}/tenonConfig.cmake ${CMAKE_BINARY_DIR}/tenonConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tenon)
