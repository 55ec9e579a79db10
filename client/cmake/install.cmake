# What an installed library is to those who build with it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/rowhouse)

install(TARGETS rowhouse EXPORT rowhouse-core
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/rowhouse DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp" PATTERN async EXCLUDE)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/include/rowhouse/version.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rowhouse)

# A further component NAME installs its export as rowhouse-NAME-targets.cmake beside this one; async is the one there is.
install(EXPORT rowhouse-core FILE rowhouse-core-targets.cmake NAMESPACE rowhouse:: DESTINATION ${package_folder})
configure_package_config_file(cmake/rowhouseConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/rowhouseConfig.cmake
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/rowhouseConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rowhouseConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/rowhouseConfigVersion.cmake
  DESTINATION ${package_folder})

# Relative to the file itself: the tree may be installed anywhere, and moved.
file(RELATIVE_PATH ROWHOUSE_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" ROWHOUSE_PC_PREFIX "${ROWHOUSE_PC_PREFIX}")
configure_file(cmake/rowhouse.pc.in ${CMAKE_CURRENT_BINARY_DIR}/rowhouse.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rowhouse.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET rowhouse_async)
  install(TARGETS rowhouse_async EXPORT rowhouse-async
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(DIRECTORY include/rowhouse/async DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rowhouse)
  install(EXPORT rowhouse-async FILE rowhouse-async-targets.cmake NAMESPACE rowhouse:: DESTINATION ${package_folder})
  configure_file(cmake/rowhouse-async.pc.in ${CMAKE_CURRENT_BINARY_DIR}/rowhouse-async.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rowhouse-async.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
