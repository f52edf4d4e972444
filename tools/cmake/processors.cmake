# SPDX-License-Identifier: Apache-2.0
# The processors and features that LLVM knows for an architecture, as rows of OUTPUT:
# PROCESSOR("x86_64", "haswell"), FEATURE("x86_64", "avx2"). LLVM's C interface does not tell, and its
# own complaint about an unknown name goes to standard error.
# cmake -DLLC=... -DOUTPUT=... -P processors.cmake
set(out "/* Made by tools/cmake/processors.cmake. */\n")
foreach(architecture x86_64 aarch64 riscv64)
  execute_process(COMMAND ${LLC} -mtriple=${architecture}-linux-gnu -mcpu=help
    INPUT_FILE /dev/null OUTPUT_VARIABLE text ERROR_VARIABLE text RESULT_VARIABLE status)
  set(row PROCESSOR)
  string(REPLACE ";" "," text "${text}")
  string(REPLACE "\n" ";" lines "${text}")
  foreach(line ${lines})
    if(line MATCHES "^Available features")
      set(row FEATURE)
    elseif(line MATCHES "^  ([A-Za-z0-9_.+-]+) +- ")
      string(APPEND out "${row}(\"${architecture}\", \"${CMAKE_MATCH_1}\")\n")
    endif()
  endforeach()
endforeach()
file(WRITE ${OUTPUT} "${out}")
