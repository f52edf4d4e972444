# SPDX-License-Identifier: Apache-2.0
# The part of the runtime that artifacts contain, as LLVM bitcode and as an object with a section for
# each function, one file an architecture.
find_program(CLANG_19 NAMES clang-19 REQUIRED)
find_program(LLC_19 NAMES llc-19 HINTS ${TENON_LLVM_LIBDIR}/../bin REQUIRED)
find_program(LLVM_LINK NAMES llvm-link-19 HINTS ${TENON_LLVM_LIBDIR}/../bin REQUIRED)
set(TENON_BITCODE_FOLDER ${CMAKE_BINARY_DIR}/bitcode)
file(MAKE_DIRECTORY ${TENON_BITCODE_FOLDER})

# What artifacts contain: nothing that allocates, starts threads or asks the system.
file(GLOB TENON_BARE_SOURCES CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
  ${CMAKE_SOURCE_DIR}/runtime/host/*.c)
list(REMOVE_ITEM TENON_BARE_SOURCES runtime/host/table.c)
list(APPEND TENON_BARE_SOURCES runtime/checksum.c runtime/cpu.c runtime/element.c runtime/format.c runtime/memory.c
  runtime/model.c runtime/real.c runtime/run.c runtime/run_compact.c runtime/run_loop.c
  runtime/run_step.c runtime/selftest.c runtime/bare/bare.c)
file(GLOB_RECURSE bare_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/*.h
  ${CMAKE_SOURCE_DIR}/runtime/*.def ${CMAKE_SOURCE_DIR}/runtime/*.inc ${CMAKE_SOURCE_DIR}/include/*.h)

set(bitcode_files)
foreach(architecture x86_64 aarch64 riscv64)
  set(flags --target=${architecture}-unknown-linux-gnu -std=c17 -O2 -ffreestanding -fno-builtin
    -nostdlibinc -isystem runtime/bare/include -I. -Iinclude -fPIC -fvisibility=hidden -ffp-contract=off
    -fno-math-errno -fno-strict-aliasing -fno-stack-protector -fno-asynchronous-unwind-tables
    -fno-unwind-tables -fcf-protection=none -fno-ident -Wno-ignored-optimization-argument)
  if(architecture STREQUAL riscv64)
    list(APPEND flags -mno-relax)
  endif()
  if(NOT architecture STREQUAL x86_64)
    list(REMOVE_ITEM flags -fcf-protection=none)
  endif()
  set(parts)
  foreach(source ${TENON_BARE_SOURCES})
    string(REPLACE "/" "_" part ${source})
    set(part ${TENON_BITCODE_FOLDER}/${architecture}_${part}.bc)
    add_custom_command(OUTPUT ${part} COMMAND ${CLANG_19} ${flags} -emit-llvm -c ${source} -o ${part}
      DEPENDS ${CMAKE_SOURCE_DIR}/${source} ${bare_headers} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      COMMENT "bitcode ${architecture} ${source}" VERBATIM)
    list(APPEND parts ${part})
  endforeach()
  add_custom_command(OUTPUT ${TENON_BITCODE_FOLDER}/${architecture}.bc
    COMMAND ${LLVM_LINK} ${parts} -o ${TENON_BITCODE_FOLDER}/${architecture}.bc
    DEPENDS ${parts} VERBATIM)
  add_custom_command(OUTPUT ${TENON_BITCODE_FOLDER}/${architecture}.o
    COMMAND ${LLC_19} -O2 -filetype=obj -frame-pointer=all -relocation-model=pic -function-sections -data-sections
      ${TENON_BITCODE_FOLDER}/${architecture}.bc -o ${TENON_BITCODE_FOLDER}/${architecture}.o
    DEPENDS ${TENON_BITCODE_FOLDER}/${architecture}.bc COMMENT "runtime ${architecture}" VERBATIM)
  list(APPEND bitcode_files ${TENON_BITCODE_FOLDER}/${architecture}.bc
    ${TENON_BITCODE_FOLDER}/${architecture}.o)
endforeach()
add_custom_target(tenon_bitcode DEPENDS ${bitcode_files})
add_dependencies(tenon_codegen_llvm tenon_bitcode)
set_source_files_properties(codegen/llvm/runtime_code.c PROPERTIES
  COMPILE_DEFINITIONS "TENON_BITCODE_FOLDER=\"${TENON_BITCODE_FOLDER}\""
  OBJECT_DEPENDS "${bitcode_files}")

# What --mcpu and --mattr may be.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/codegen/llvm)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/codegen/llvm/processors.inc
  COMMAND ${CMAKE_COMMAND} -DLLC=${LLC_19} -DOUTPUT=${CMAKE_BINARY_DIR}/codegen/llvm/processors.inc
    -P ${CMAKE_SOURCE_DIR}/tools/cmake/processors.cmake
  DEPENDS ${CMAKE_SOURCE_DIR}/tools/cmake/processors.cmake VERBATIM)
target_sources(tenon_codegen_llvm PRIVATE ${CMAKE_BINARY_DIR}/codegen/llvm/processors.inc)
