# The library that applications link: galago::galago, one archive of all layers with the public headers. The layers
# themselves stay inside the build: nothing outside could use their headers.
get_property(layers GLOBAL PROPERTY GALAGO_LAYERS)
get_property(libraries GLOBAL PROPERTY GALAGO_LIBRARIES)
list(REMOVE_DUPLICATES libraries)
list(REMOVE_ITEM libraries nlohmann_json::nlohmann_json)  # headers only, and in none of the public ones
set(objects ${layers})
list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")

add_library(galago_sdk STATIC ${objects})
add_library(galago::galago ALIAS galago_sdk)
set_target_properties(galago_sdk PROPERTIES OUTPUT_NAME galago EXPORT_NAME galago LINKER_LANGUAGE CXX)
target_compile_features(galago_sdk PUBLIC cxx_std_20)
target_include_directories(galago_sdk PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
target_link_libraries(galago_sdk PRIVATE ${libraries})

option(GALAGO_INSTALL "Install the library, its headers and its CMake package" ${PROJECT_IS_TOP_LEVEL})
if(NOT GALAGO_INSTALL)
  return()
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/galago)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/galagoConfig.cmake.in ${PROJECT_BINARY_DIR}/galagoConfig.cmake
                              INSTALL_DESTINATION ${package})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/galagoConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS galago_sdk EXPORT galagoTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT galagoTargets NAMESPACE galago:: DESTINATION ${package} COMPONENT sdk)
install(FILES ${PROJECT_BINARY_DIR}/galagoConfig.cmake ${PROJECT_BINARY_DIR}/galagoConfigVersion.cmake
        ${CMAKE_CURRENT_LIST_DIR}/FindUtf8proc.cmake DESTINATION ${package} COMPONENT sdk)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/galago DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT sdk)
