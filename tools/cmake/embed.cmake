# SPDX-License-Identifier: Apache-2.0
# Writes FILES as rows {"name", "text"}, one string literal a line, into OUTPUT. The name is the
# file's stem, or with FOLDER its path from there.
set(out "/* Made by tools/cmake/embed.cmake. */\n")
foreach(file ${FILES})
  if(FOLDER)
    file(RELATIVE_PATH name ${FOLDER} ${file})
  else()
    get_filename_component(name ${file} NAME_WE)
  endif()
  file(READ ${file} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n\"" text "${text}")
  string(APPEND out "{\"${name}\",\n\"${text}\"},\n")
endforeach()
get_filename_component(folder ${OUTPUT} DIRECTORY)
file(MAKE_DIRECTORY ${folder})
file(WRITE ${OUTPUT} "${out}")
