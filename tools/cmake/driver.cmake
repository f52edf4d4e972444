# SPDX-License-Identifier: Apache-2.0
# What the driver alone needs: images and JSON.
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_path(JANSSON_INCLUDE jansson.h REQUIRED)
find_library(JANSSON_LIBRARY jansson REQUIRED)
target_include_directories(tenon PRIVATE ${JANSSON_INCLUDE})
target_link_libraries(tenon PRIVATE PNG::PNG JPEG::JPEG ${JANSSON_LIBRARY})
