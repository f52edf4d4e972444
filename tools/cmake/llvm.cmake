# SPDX-License-Identifier: Apache-2.0
# LLVM 19, linked statically and hidden: hosts bring their own LLVM.
find_program(LLVM_CONFIG NAMES llvm-config-19 REQUIRED)
execute_process(COMMAND ${LLVM_CONFIG} --includedir OUTPUT_VARIABLE TENON_LLVM_INCLUDE OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${LLVM_CONFIG} --libdir OUTPUT_VARIABLE TENON_LLVM_LIBDIR OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${LLVM_CONFIG} --link-static --libs orcjit passes linker bitreader native x86codegen x86asmparser
    x86disassembler aarch64codegen aarch64asmparser riscvcodegen riscvasmparser
  OUTPUT_VARIABLE TENON_LLVM_LIBS OUTPUT_STRIP_TRAILING_WHITESPACE)
separate_arguments(TENON_LLVM_LIBS)
# LLVM's compression. From archives, so that libtenon.so asks nothing of a system but the C library;
# they are not made for shared libraries, and fit where --exclude-libs hides what is in them.
set(TENON_COMPRESSION z zstd)
if(NOT CMAKE_C_FLAGS MATCHES "-fsanitize")
  find_library(TENON_LIBZ_ARCHIVE libz.a)
  find_library(TENON_LIBZSTD_ARCHIVE libzstd.a)
  if(TENON_LIBZ_ARCHIVE AND TENON_LIBZSTD_ARCHIVE)
    set(TENON_COMPRESSION ${TENON_LIBZSTD_ARCHIVE} ${TENON_LIBZ_ARCHIVE})
  endif()
endif()
set(TENON_LLVM_LIBRARIES -L${TENON_LLVM_LIBDIR} ${TENON_LLVM_LIBS} ${TENON_COMPRESSION})
include_directories(SYSTEM ${TENON_LLVM_INCLUDE})
add_link_options(-Wl,--gc-sections -static-libstdc++)
# It would hide the sanitizers' malloc from the C library, too.
if(NOT CMAKE_C_FLAGS MATCHES "-fsanitize")
  add_link_options(-Wl,--exclude-libs,ALL)
endif()
